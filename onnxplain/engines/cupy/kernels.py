"""The CUDA sources: found in a checkout and in a wheel, compiled once per dtype and setting, launched."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cupy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Array = Any
BLOCK = 256
"""Threads of a block, in every kernel."""
MOST_BLOCKS = 2**20
_PACKAGE = Path(__file__).resolve().parents[2]
_TYPES = {"f": "float", "d": "double"}
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)".*$', re.MULTILINE)


def folder() -> Path:
    """Where the sources are: inside the package in a wheel, beside it in a checkout."""
    return next(each for each in (_PACKAGE / "kernels", _PACKAGE.parent / "kernels") if each.is_dir())


def source(name: str) -> str:
    """Text of a kernel with its headers in place, each once: then a cache of compiled code sees their changes too."""
    seen: set[str] = set()

    def insert(found: re.Match[str]) -> str:
        header = found[1]
        if header in seen:
            return ""
        seen.add(header)
        return _INCLUDE.sub(insert, _read(header).replace("#pragma once\n", ""))

    return _INCLUDE.sub(insert, _read(f"{name}.cu"))


def launch(name: str, grid: Sequence[int], args: Sequence[Any], dtype: np.dtype[Any], **defines: int) -> None:
    """Run kernel `name` of the file of that name. Arrays are C-contiguous; scalars carry their C type."""
    _kernel(name, dtype.char, tuple(sorted(defines.items())))(tuple(grid), (BLOCK,), tuple(args))


def each(name: str, count: int, args: Sequence[Any], dtype: np.dtype[Any]) -> None:
    """Run a kernel that strides over `count` elements."""
    if count:
        launch(name, (min(-(-count // BLOCK), MOST_BLOCKS),), args, dtype)


def flat(x: Array, shape: Sequence[int]) -> Array:
    """`x` broadcast to `shape`, element after element in memory."""
    return cupy.ascontiguousarray(x if x.shape == tuple(shape) else cupy.broadcast_to(x, shape))


@cache
def multiprocessors() -> int:
    """How many blocks run side by side, at the least."""
    return int(cupy.cuda.Device().attributes["MultiProcessorCount"])


@cache
def _kernel(name: str, dtype: str, defines: tuple[tuple[str, int], ...]) -> Any:
    options = (f"-DREAL={_TYPES[dtype]}", *(f"-D{key}={value}" for key, value in defines))
    return cupy.RawModule(code=source(name), options=options).get_function(name)


def _read(name: str) -> str:
    return (folder() / name).read_text(encoding="utf-8")
