"""Positions of an input in cells, ordered by relevance, and inputs with some positions replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.resample import PAPERS

if TYPE_CHECKING:
    from onnxplain.arrays import Array


def scaled(size: float, side: int) -> int:
    """A length for a picture of 224 pixels, at another side; at least 1."""
    return max(1, round(size * side / PAPERS))


def cells(shape: tuple[int, ...], sides: tuple[int, ...]) -> Array:
    """Index of the cell that each position is in; cells have these sides, and less at the far borders."""
    index = np.zeros(shape, np.int64)
    for axis, (length, side) in enumerate(zip(shape, sides, strict=True)):
        along = np.arange(length) // side
        index = index * (along[-1] + 1) + along.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return index


def ranks(relevance: Array, index: Array, rng: np.random.Generator) -> Array:
    """Rank of each position's cell by the sum of its relevance: 0 the most relevant; ties in random order."""
    sums = np.bincount(index.ravel(), relevance.ravel())
    rank = np.empty(len(sums), np.int64)
    rank[np.lexsort((rng.permutation(len(sums)), -sums))] = np.arange(len(sums))
    return np.asarray(rank[index])


def replaced(x: Array, fill: Array, where: Array, channel_axis: int | None) -> Array:
    """One row x [...] with the positions `where` taken from `fill`, in all channels; channel_axis counts the batch."""
    mask = where if channel_axis is None else np.expand_dims(where, channel_axis - 1)
    return np.where(mask, fill, x).astype(x.dtype, copy=False)
