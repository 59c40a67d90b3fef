"""Cells: boxes of neighbouring positions that a measure replaces together, the most relevant cell first.

A position is one element of a relevance map, from which the channels are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.resample import in_proportion

if TYPE_CHECKING:
    from onnxplain.arrays import Array


def scaled(size: float, side: int) -> int:
    """Return a length in whole pixels, stated for 224 pixels a side, at another side; at least 1."""
    return max(1, round(in_proportion(size, side)))


def cells(shape: tuple[int, ...], sides: tuple[int, ...]) -> Array:
    """Return the index of each position's cell, int64 of this shape, counted from 0.

    sides: the length of a cell along each axis. The last cell of an axis is shorter where the lengths do not fit.
    """
    index = np.zeros(shape, np.int64)
    for axis, (length, side) in enumerate(zip(shape, sides, strict=True)):
        along = np.arange(length) // side
        index = index * (along[-1] + 1) + along.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return index


def ranks(relevance: Array, index: Array, rng: np.random.Generator) -> Array:
    """Return the rank of each position's cell, int64 of the map's shape: 0 for the cell of the largest relevance.

    index: the cell of each position. The relevance of a cell is the sum over its positions; ties are broken at random.
    """
    sums = np.bincount(index.ravel(), relevance.ravel())
    rank = np.empty(len(sums), np.int64)
    rank[np.lexsort((rng.permutation(len(sums)), -sums))] = np.arange(len(sums))
    return np.asarray(rank[index])


def replaced(x: Array, fill: Array, where: Array, channel_axis: int | None) -> Array:
    """Return a row `x` with the positions `where` (bool, without channels) taken from `fill`, in all channels.

    channel_axis: the axis of the channels in a batch, so that of the row is one less; None where there are none.
    """
    mask = where if channel_axis is None else np.expand_dims(where, channel_axis - 1)
    return np.where(mask, fill, x).astype(x.dtype, copy=False)
