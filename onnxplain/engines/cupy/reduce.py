"""Reductions by the kernels `reduce_sum` and `reduce_winners`: kept and reduced axes, in any order in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.kernels import BLOCK, MOST_BLOCKS, launch
from onnxplain.engines.cupy.structs import AXES, Run, axes_struct, merged, size_of
from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = Any
ACROSS_LANES = 8
"""Threads that share a sum whose neighbours lie beside it: so a warp still reads neighbours."""


def sum_over(x: Array, axes: Sequence[int]) -> Array:
    """Sum over `axes`, which stay with length 1; the terms are added in double, in one order."""
    return _reduce("reduce_sum", x, axes, x.dtype)


def winners_over(x: Array, axes: Sequence[int]) -> Array:
    """Flat position of the first maximum over `axes`, which stay with length 1."""
    return _reduce("reduce_winners", cupy.ascontiguousarray(x), axes, np.dtype(np.int64))


def unbroadcast(g: Array, shape: Sequence[int]) -> Array:
    """Sum `g` to `shape`, from which it was broadcast."""
    if g.shape == tuple(shape):
        return g
    lead = g.ndim - len(shape)
    grown = [lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1]
    return sum_over(g, [*range(lead), *grown]).reshape(shape)


def _reduce(name: str, x: Array, axes: Sequence[int], dtype: np.dtype[Any]) -> Array:
    gone = sorted(axis % x.ndim for axis in axes)
    shape = tuple(1 if axis in gone else n for axis, n in enumerate(x.shape))
    if not x.size:
        return cupy.zeros(shape, dtype)
    out = cupy.empty(shape, dtype)
    stay = [axis for axis in range(x.ndim) if axis not in gone]
    steps = [step // x.itemsize for step in x.strides]
    kept, reduced = merged(x.shape, steps, stay), merged(x.shape, steps, gone)
    if max(len(kept), len(reduced)) > AXES:
        if name == "reduce_winners":  # they are positions in x as it lies
            raise UsageError(
                f"a maximum over axes {tuple(gone)} of {x.ndim}: too many separate groups of axes for "
                f'the engine "cupy"; use engine="numpy"'
            )
        x = cupy.ascontiguousarray(x.transpose(*stay, *gone))
        kept, reduced = [(size_of(kept), size_of(reduced))], [(size_of(reduced), 1)]
    across = bool(kept) and (not reduced or kept[-1][1] < reduced[-1][1])
    lanes = _lanes(reduced, ACROSS_LANES if across else BLOCK)
    blocks = min(-(-out.size // (BLOCK // lanes)), MOST_BLOCKS)
    args = (x, out, axes_struct(kept, reduced), np.int32(lanes), np.int32(across))
    launch(name, (blocks,), args, x.dtype)
    return out


def _lanes(reduced: Sequence[Run], most: int) -> int:
    """A power of two, about as many as there are terms."""
    return min(1 << (size_of(reduced) - 1).bit_length(), most)
