"""A map as a short vector, by which maps are grouped: downsized to a coarse grid, and of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from onnxplain.arrays import Array

SIDE = 20
"""So many cells a downsized map has along each axis at most."""


def unit(relevance: Array) -> Array:
    """Return a map over its 2-norm, in float64; a map of zeros stays."""
    values = np.asarray(relevance, np.float64)
    size = np.linalg.norm(values)
    return values / size if size else values


def feature(relevance: Array, side: int = SIDE) -> Array:
    """Return the sums of a map's relevance in cells of a grid of at most `side` cells an axis, as a vector of length 1.

    A row of a table keeps its columns. Cells of an axis differ by at most one position. Sums keep the sign, so that
    relevance for and against the class in one cell cancels, as it does in the score.
    Raises UsageError for a map without any axis of places.
    """
    values = np.asarray(relevance, np.float64).squeeze()
    if values.ndim == 0:
        raise UsageError("maps of a single number are not grouped")
    for axis, length in enumerate(values.shape):
        if values.ndim > 1 and length > side:
            starts = np.arange(side) * length // side
            values = np.add.reduceat(values, starts, axis)
    return unit(values.ravel())
