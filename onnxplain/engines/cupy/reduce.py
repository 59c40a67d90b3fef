"""Sums and positions of maxima over some axes, by the kernels reduce_sum.cu and reduce_winners.cu.

A reduced axis is one that is summed over; the others are kept. They may lie in memory in any order.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy.arrays import Array, from_memory, materialise
from onnxplain.engines.cupy.expression import read, written
from onnxplain.engines.cupy.kernels import BLOCK, MOST_BLOCKS, Memory, launch
from onnxplain.engines.cupy.structs import AXES, Run, axes_struct, merged, size_of, steps_of
from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

ACROSS_LANES = 8
"""The largest number of threads that share one sum where neighbouring sums, not terms, lie side by side in memory.

With so few of them, the threads of a warp still read elements that lie side by side.
"""

Runs = tuple[list[Run], list[Run]]
"""The kept axes and the reduced axes."""


def sum_over(x: Array, axes: Sequence[int]) -> Memory:
    """Sum over `axes`, which stay as axes of length 1. A chain is computed in the same pass.

    The terms are added in double, always in the same order.
    """
    gone = _from_front(axes, x.ndim)
    if not x.size:
        return cupy.zeros(_left(x.shape, gone), x.real)
    out = cupy.empty(_left(x.shape, gone), x.real)
    runs = _runs(x.shape, _steps(x), gone)
    if max(map(len, runs)) > AXES:
        x, runs = _side_by_side(x, gone)
    text, struct = read(x.memory) if x.chain is None else written(x)
    _launch("reduce_sum", struct, out, runs, x.real, text)
    return out


def winners_over(x: Array, axes: Sequence[int]) -> Memory:
    """Return the flat position of the first maximum over `axes`, which stay as axes of length 1.

    Raises UsageError where the kept or the reduced axes are in more separate groups than the kernel can take.
    """
    memory, gone = cupy.ascontiguousarray(materialise(x)), _from_front(axes, x.ndim)
    if not x.size:
        return cupy.zeros(_left(x.shape, gone), np.int64)
    out = cupy.empty(_left(x.shape, gone), np.int64)
    runs = _runs(x.shape, steps_of(x.shape), gone)
    if max(map(len, runs)) > AXES:  # a copy in another order would not do, because winners are positions in x as it is
        raise UsageError(
            f"a maximum over axes {tuple(gone)} of {x.ndim}: too many separate groups of axes for "
            f'the engine "cupy"; use engine="numpy"'
        )
    _launch("reduce_winners", memory, out, runs, x.real)
    return out


def unbroadcast(g: Array, shape: Sequence[int]) -> Array:
    """Sum `g` to `shape`, from which its shape was broadcast."""
    if g.shape == tuple(shape):
        return g
    lead = g.ndim - len(shape)
    grown = [lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1]
    return from_memory(sum_over(g, [*range(lead), *grown]).reshape(shape), g.real)


def _launch(name: str, source: Any, out: Memory, runs: Runs, real: np.dtype[Any], expression: str = "") -> None:
    """Run a reduction of `source`, an array or the struct of an expression, into `out`."""
    kept, reduced = runs
    across = bool(kept) and (not reduced or kept[-1][1] < reduced[-1][1])
    lanes = _lanes(reduced, ACROSS_LANES if across else BLOCK)
    blocks = min(-(-out.size // (BLOCK // lanes)), MOST_BLOCKS)
    args = (source, out, axes_struct(kept, reduced), np.int32(lanes), np.int32(across))
    launch(name, (blocks,), args, real, expression)


def _side_by_side(x: Array, gone: Sequence[int]) -> tuple[Array, Runs]:
    """Return a copy in which all kept axes are in front of all reduced ones, and its axes."""
    stay = [axis for axis in range(x.ndim) if axis not in gone]
    terms = math.prod([x.shape[axis] for axis in gone])
    copy = cupy.ascontiguousarray(materialise(x).transpose(*stay, *gone))
    return from_memory(copy, x.real), ([(x.size // terms, (terms,))], [(terms, (1,))])


def _runs(shape: Sequence[int], steps: Sequence[int], gone: Sequence[int]) -> Runs:
    """Return the kept axes and the reduced ones (`gone`) of an array with these steps; neighbours are merged."""
    stay = [axis for axis in range(len(shape)) if axis not in gone]
    kept, reduced = (merged([shape[i] for i in axes], [[steps[i] for i in axes]]) for axes in (stay, gone))
    return kept, reduced


def _steps(x: Array) -> list[int]:
    """Return the steps of an array in elements; those of a chain are as in a C-contiguous array."""
    if x.chain is None:
        return [step // x.memory.itemsize for step in x.memory.strides]
    return steps_of(x.shape)


def _from_front(axes: Sequence[int], ndim: int) -> list[int]:
    """Return the axes counted from the front, sorted."""
    return sorted(axis % ndim for axis in axes)


def _left(shape: Sequence[int], gone: Sequence[int]) -> tuple[int, ...]:
    """Return the shape with length 1 for the axes that are reduced."""
    return tuple(1 if axis in gone else n for axis, n in enumerate(shape))


def _lanes(reduced: Sequence[Run], most: int) -> int:
    """Return how many threads share one output: the number of terms, rounded up to a power of two, at most `most`."""
    return min(1 << (size_of(reduced) - 1).bit_length(), most)
