"""Adding slices at indices, always in the order of the slices.

The indices are sorted, and then the kernel add_runs.cu adds up the slices of each run of equal indices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy
import numpy as np

from onnxplain.engines.cupy.kernels import Memory, each
from onnxplain.engines.cupy.structs import steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def add_at(g: Memory, keys: Memory, outer: int, rows: int, inner: int) -> Memory:
    """Add slices of g [outer, count, inner] into zeros [outer, rows, inner]: out[:, keys[j]] += g[:, j] for all j.

    keys: int64 [count], each from 0 to rows - 1.
    """
    order = cupy.argsort(keys)  # CuPy's sort is stable, so that equal keys stay in their order
    out = cupy.zeros((outer, rows, inner), g.dtype)
    sizes = map(np.int64, (outer, rows, keys.size, inner))
    each("add_runs", g.size, (cupy.ascontiguousarray(g), keys[order], order, out, *sizes), g.dtype)
    return out


def positions(indices: Sequence[Memory], shape: Sequence[int]) -> Memory:
    """Return flat positions in an array of `shape` for indices given as one array per axis.

    A negative index counts from the end of its axis.
    """
    # converted to int64 first, because a position may exceed the range of the indices' dtype
    parts = (
        index.astype(np.int64, copy=False) % n * step
        for index, n, step in zip(indices, shape, steps_of(shape), strict=True)
    )
    total: Memory = next(parts)
    for part in parts:
        total = total + part
    return total


def grid(shape: Sequence[int]) -> list[Memory]:
    """Return the indices along each axis, in shapes that broadcast, as NumPy's `ogrid` does."""
    rank = len(shape)
    return [cupy.arange(n).reshape((1,) * axis + (n,) + (1,) * (rank - axis - 1)) for axis, n in enumerate(shape)]
