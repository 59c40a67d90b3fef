"""Linear maps along one axis: by a matrix, by taps (a few weighted elements for each output), copies, running sums.

A matrix [outputs, inputs] costs the product of both lengths, which for the axis of a waveform is too much. The other
forms cost as much as their longer side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace

Matrix: TypeAlias = "Array"
"""A constant NumPy array [outputs, inputs]."""

_BLOCK = 64
"""How many elements of a long running sum one product with a matrix of ones adds up."""

_RUNS = 16
"""Copies in more runs than these, at which one node for each would be too many, are added index by index."""


@dataclass(frozen=True)
class Shaped:
    """Stands for an array of which only the shape is read."""

    shape: tuple[Any, ...]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


def resized(like: AnyArray, axis: int, size: int) -> Shaped:
    """Return the shape of `like` with another length along `axis`."""
    return Shaped((*like.shape[:axis], size, *like.shape[axis + 1 :]))


def keys(rank: int, chosen: Mapping[int, slice]) -> list[slice]:
    """Return one slice per axis: the chosen one, or the whole axis."""
    return [chosen.get(axis, slice(None)) for axis in range(rank)]


def along(xp: Namespace, x: AnyArray, matrix: Matrix, axis: int) -> AnyArray:
    """Apply `matrix` to `x` along `axis`. With `matrix.T` this is the transpose of the map."""
    axis %= x.ndim
    if axis == x.ndim - 2:  # multiplying from the left saves two transpositions
        return xp.matmul(xp.const(matrix), x)
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    back = [order.index(i) for i in range(x.ndim)]
    return xp.transpose(xp.matmul(xp.transpose(x, order), xp.const(matrix.T)), back)


# --- taps ----------------------------------------------------------------------------------------------------------


def tapped(xp: Namespace, x: AnyArray, taps: Array, weights: Array, axis: int) -> AnyArray:
    """Return y[i] = Σₖ weights[i, k] · x[taps[i, k]] along `axis`. taps, weights: [outputs, taps for each]."""
    shape = (*x.shape[:axis], *taps.shape, *x.shape[axis + 1 :])
    taken = xp.reshape(xp.take(x, taps.ravel(), axis), shape)
    total = xp.sum(taken * _standing(xp, weights, x.ndim, axis), [axis + 1])
    return xp.reshape(total, (*x.shape[:axis], len(taps), *x.shape[axis + 1 :]))


def tapped_adjoint(xp: Namespace, g: AnyArray, taps: Array, weights: Array, axis: int, size: int) -> AnyArray:
    """Return the transpose of `tapped` for an x of length `size`: each element receives by the weights it gave by."""
    shape = (*g.shape[:axis], taps.size, *g.shape[axis + 1 :])
    shares = xp.expand_dims(g, [axis + 1]) * _standing(xp, weights, g.ndim, axis)
    return xp.untake(xp.reshape(shares, shape), resized(g, axis, size), taps.ravel(), axis)


def _standing(xp: Namespace, weights: Array, rank: int, axis: int) -> AnyArray:
    """Return weights [outputs, taps] in a shape that broadcasts with these two axes at `axis`."""
    return xp.const(weights.reshape((1,) * axis + weights.shape + (1,) * (rank - axis - 1)))


# --- copies --------------------------------------------------------------------------------------------------------


def uncopied(xp: Namespace, g: AnyArray, indices: Array, axis: int, size: int) -> AnyArray:
    """Return the transpose of y[i] = x[indices[i]] along `axis`, for an x of length `size`: copies add up.

    The indices of a pad are a few runs: forward through x, backward, or at one end of it. Each run is a slice of g.
    """
    like, found = resized(g, axis, size), list(islice(_runs(indices), _RUNS + 1))
    if len(found) > _RUNS:
        return xp.untake(g, like, indices, axis)
    total = None
    for start, stop in found:
        first, last = int(indices[start]), int(indices[stop - 1])
        picked = xp.pick(g, keys(g.ndim, {axis: _slice(start, stop, backward=last < first)}))
        if first == last and stop - start > 1:
            picked = xp.sum(picked, [axis])
        part = xp.unpick(picked, like, keys(g.ndim, {axis: slice(min(first, last), max(first, last) + 1)}))
        total = part if total is None else total + part
    return total if total is not None else xp.unpick(g, like, keys(g.ndim, {axis: slice(0, 0)}))


def _runs(indices: Array) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each run of indices that go forward, backward or nowhere, one at a time."""
    steps, start = np.diff(indices), 0
    while start < len(indices):
        stop = start + 1
        if stop < len(indices) and abs(step := steps[start]) <= 1:
            others = np.flatnonzero(steps[start:] != step)
            stop = start + 1 + int(others[0]) if len(others) else len(indices)
        yield start, stop
        start = stop


def _slice(start: int, stop: int, *, backward: bool) -> slice:
    if backward:
        return slice(stop - 1, start - 1 if start else None, -1)
    return slice(start, stop)


# --- running sums --------------------------------------------------------------------------------------------------


def running(xp: Namespace, x: AnyArray, axis: int, *, exclusive: bool, reverse: bool) -> AnyArray:
    """Return the sum of all elements up to each one along `axis`, or with `reverse` from each one on.

    exclusive: whether the element itself is left out. A long axis is cut into blocks: a matrix of ones adds up each
    block, and the running sum of the blocks before is added.
    """
    size = x.shape[axis]
    ones = np.ones((min(size, _BLOCK),) * 2)
    matrix = np.triu(ones, int(exclusive)) if reverse else np.tril(ones, -int(exclusive))
    if size <= _BLOCK:
        return along(xp, x, matrix, axis)
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    last, count = xp.transpose(x, order), -(-size // _BLOCK)
    rest = last.shape[:-1]
    if count * _BLOCK > size:
        whole = [slice(None)] * len(rest)
        last = xp.unpick(last, Shaped((*rest, count * _BLOCK)), [*whole, slice(0, size)])
    blocks = xp.reshape(last, (*rest, count, _BLOCK))
    before = running(xp, xp.sum(blocks, [len(rest) + 1]), len(rest), exclusive=True, reverse=reverse)
    sums = xp.matmul(blocks, xp.const(matrix.T)) + before
    flat = xp.pick(xp.reshape(sums, (*rest, count * _BLOCK)), [*[slice(None)] * len(rest), slice(0, size)])
    return xp.transpose(flat, [order.index(i) for i in range(x.ndim)])


def reduced_axes(rank: int, attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the axes that a Reduce node with attributes `attrs` reduces, counted from the front and sorted."""
    axes: Sequence[int] | None = attrs.get("axes")
    if axes is None or len(axes) == 0:
        return () if attrs.get("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(axis % rank for axis in axes))
