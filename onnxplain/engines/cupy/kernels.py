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

Memory = Any
"""A CuPy array."""
BLOCK = 256
"""Threads of a block, in every kernel."""
MOST_BLOCKS = 2**20
EXPRESSION = "expression.cuh"
"""The header whose text is written for each launch."""
_PACKAGE = Path(__file__).resolve().parents[2]
_TYPES = {"f": "float", "d": "double"}
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)".*$', re.MULTILINE)


def folder() -> Path:
    """Where the sources are: inside the package in a wheel, beside it in a checkout."""
    return next(path for path in (_PACKAGE / "kernels", _PACKAGE.parent / "kernels") if path.is_dir())


def source(name: str, expression: str = "") -> str:
    """Text of a kernel with its headers in place, each once: then a cache of compiled code sees their changes too.

    expression: what stands in place of the header `expression.cuh`.
    """
    seen: set[str] = set()

    def insert(found: re.Match[str]) -> str:
        header = found[1]
        if header in seen:
            return ""
        seen.add(header)
        text = expression if expression and header == EXPRESSION else _read(header).replace("#pragma once\n", "")
        return _INCLUDE.sub(insert, text)

    return _INCLUDE.sub(insert, _read(f"{name}.cu"))


def launch(
    name: str, grid: Sequence[int], args: Sequence[Any], dtype: np.dtype[Any], expression: str = "", **defines: int
) -> None:
    """Run kernel `name` of the file of that name. Arrays are C-contiguous; scalars carry their C type."""
    _kernel(name, dtype.char, expression, tuple(sorted(defines.items())))(tuple(grid), (BLOCK,), tuple(args))


def each(
    name: str, count: int, args: Sequence[Any], dtype: np.dtype[Any], expression: str = "", **defines: int
) -> None:
    """Run a kernel that strides over `count` elements."""
    if count:
        launch(name, (min(-(-count // BLOCK), MOST_BLOCKS),), args, dtype, expression, **defines)


@cache
def multiprocessors() -> int:
    """How many blocks run side by side, at the least."""
    return int(cupy.cuda.Device().attributes["MultiProcessorCount"])


@cache
def _kernel(name: str, dtype: str, expression: str, defines: tuple[tuple[str, int], ...]) -> Any:
    # in a chain, a product is rounded before it is added, as in NumPy
    apart = ("--fmad=false",) if expression else ()
    options = (f"-DREAL={_TYPES[dtype]}", *(f"-D{key}={value}" for key, value in defines), *apart)
    return cupy.RawModule(code=source(name, expression), options=options).get_function(name)


def _read(name: str) -> str:
    return (folder() / name).read_text(encoding="utf-8")
