"""Adding slices at indices, always in the order of the slices: sort the indices, then add runs of equal ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cupy
import numpy as np

from onnxplain.engines.cupy.kernels import Memory, each
from onnxplain.engines.cupy.structs import steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def add_at(g: Memory, keys: Memory, outer: int, rows: int, inner: int) -> Memory:
    """out [outer, rows, inner] of zeros; out[:, keys[j]] += g[:, j] for g [outer, count, inner]."""
    order = cupy.argsort(keys)  # CuPy sorts stably
    out = cupy.zeros((outer, rows, inner), g.dtype)
    sizes = map(np.int64, (outer, rows, keys.size, inner))
    each("add_runs", g.size, (cupy.ascontiguousarray(g), keys[order], order, out, *sizes), g.dtype)
    return out


def positions(indices: Sequence[Memory], shape: Sequence[int]) -> Memory:
    """Flat positions in an array of `shape` of one index array per axis; a negative index counts from the end."""
    # int64 first: a position may lie beyond the range of its indices
    parts = (
        index.astype(np.int64, copy=False) % n * step
        for index, n, step in zip(indices, shape, steps_of(shape), strict=True)
    )
    total: Memory = next(parts)
    for part in parts:
        total = total + part
    return total


def grid(shape: Sequence[int]) -> list[Memory]:
    """The indices along each axis, shaped to broadcast."""
    rank = len(shape)
    return [cupy.arange(n).reshape((1,) * axis + (n,) + (1,) * (rank - axis - 1)) for axis, n in enumerate(shape)]
