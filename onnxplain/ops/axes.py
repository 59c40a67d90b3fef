"""Linear maps along one axis, given as a matrix: interpolation, padding by copies, running sums, sliding sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.namespace import Namespace

Matrix = Any
"""A constant NumPy array of rank 2: outputs by inputs."""


def along(xp: Namespace, x: AnyArray, matrix: Matrix, axis: int) -> AnyArray:
    """`matrix` applied to `x` along `axis`; its transpose gives the adjoint."""
    axis %= x.ndim
    if axis == x.ndim - 2:  # the matrix on the left spares two transpositions
        return xp.matmul(xp.const(matrix), x)
    order = [i for i in range(x.ndim) if i != axis] + [axis]
    back = [order.index(i) for i in range(x.ndim)]
    return xp.transpose(xp.matmul(xp.transpose(x, order), xp.const(matrix.T)), back)


def copies(indices: Any, size: int) -> Matrix:
    """The matrix of y[i] = x[indices[i]], for x of length `size`."""
    return (np.asarray(indices)[:, None] == np.arange(size)).astype(np.float64)


def reduced_axes(rank: int, attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """The axes that a Reduce node with attributes `attrs` reduces, counted from the front."""
    axes = attrs.get("axes")
    if axes is None or len(axes) == 0:
        return () if attrs.get("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(axis % rank for axis in axes))
