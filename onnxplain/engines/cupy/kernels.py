"""Kernels: compiled once per dtype and setting, launched."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import cupy

from onnxplain.engines.cupy.sources import source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Memory = Any
"""A CuPy array."""
BLOCK = 256
"""Threads of a block, in every kernel."""
MOST_BLOCKS = 2**20
_TYPES = {"f": "float", "d": "double"}


def launch(
    name: str, grid: Sequence[int], args: Sequence[Any], dtype: np.dtype[Any], expression: str = "", **defines: int
) -> None:
    """Run kernel `name` of the file of that name. Arrays are C-contiguous; scalars carry their C type.

    expression: what stands in place of the header of that name.
    """
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
    return cupy.RawModule(code=source(name, expression=expression), options=options).get_function(name)
