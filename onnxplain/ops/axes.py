"""Linear maps along one axis that are given by a matrix, such as interpolation, padding by copies and running sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace

Matrix: TypeAlias = "Array"
"""A constant NumPy array [outputs, inputs]."""


def along(xp: Namespace, x: AnyArray, matrix: Matrix, axis: int) -> AnyArray:
    """Apply `matrix` to `x` along `axis`. With `matrix.T` this is the transpose of the map."""
    axis %= x.ndim
    if axis == x.ndim - 2:  # multiplying from the left saves two transpositions
        return xp.matmul(xp.const(matrix), x)
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    back = [order.index(i) for i in range(x.ndim)]
    return xp.transpose(xp.matmul(xp.transpose(x, order), xp.const(matrix.T)), back)


def copies(indices: ArrayLike, size: int) -> Matrix:
    """Return the matrix of y[i] = x[indices[i]] for an x of length `size`."""
    chosen: Matrix = np.asarray(indices)[:, None] == np.arange(size)
    return chosen.astype(np.float64)


def reduced_axes(rank: int, attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the axes that a Reduce node with attributes `attrs` reduces, counted from the front and sorted."""
    axes = attrs.get("axes")
    if axes is None or len(axes) == 0:
        return () if attrs.get("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(axis % rank for axis in axes))
