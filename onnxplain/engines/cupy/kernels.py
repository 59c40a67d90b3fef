"""Compiling and launching the CUDA kernels of `kernels/`, each of which is compiled once per dtype and settings."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import cupy

from onnxplain.engines.cupy.sources import source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

Memory = Any
"""A CuPy array, whose elements are in the memory of the GPU. CuPy has no types that mypy could check."""

BLOCK = 256
"""The number of threads in a block, for all kernels."""

MOST_BLOCKS = 2**20
"""The largest number of blocks of a launch; where there is more to do, a block does it in several turns."""

_TYPES = {"f": "float", "d": "double"}
"""The C++ type REAL of each dtype."""


def launch(
    name: str, grid: Sequence[int], args: Sequence[Any], dtype: np.dtype[Any], expression: str = "", **defines: int
) -> None:
    """Run the kernel `name`, which is in the source of that name, with `grid` blocks.

    args: C-contiguous arrays, structs, and NumPy numbers of the C types that the kernel takes.
    dtype: the float dtype of the build. expression: a text to take the place of the header expression.cuh.
    defines: macros of the build.
    """
    _kernel(name, dtype.char, expression, tuple(sorted(defines.items())))(tuple(grid), (BLOCK,), tuple(args))


def each(
    name: str, count: int, args: Sequence[Any], dtype: np.dtype[Any], expression: str = "", **defines: int
) -> None:
    """Run a kernel whose threads share `count` elements by a grid-stride loop; nothing is run where there are none."""
    if count:
        launch(name, (min(-(-count // BLOCK), MOST_BLOCKS),), args, dtype, expression, **defines)


@cache
def multiprocessors() -> int:
    """Return the number of multiprocessors of the GPU, each of which runs at least one block at a time."""
    return int(cupy.cuda.Device().attributes["MultiProcessorCount"])


@cache
def _kernel(name: str, dtype: str, expression: str, defines: tuple[tuple[str, int], ...]) -> Any:
    """Compile a kernel. CuPy keeps what it has compiled on disk."""
    # in a chain, a product is rounded before it is added, as in NumPy, rather than fused with the addition
    apart = ("--fmad=false",) if expression else ()
    options = (f"-DREAL={_TYPES[dtype]}", *(f"-D{key}={value}" for key, value in defines), *apart)
    return cupy.RawModule(code=source(name, expression=expression), options=options).get_function(name)
