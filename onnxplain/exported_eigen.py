"""The first principal component of the channels of a layer, by operators that ONNX has.

ONNX has no singular value decomposition. A power of the matrix A Aᵀ tends to the projector on its first eigenvector,
and 30 squarings of it give the power 2³⁰: what is left of the second eigenvector is then below the rounding of float64,
unless both eigenvalues agree to 8 digits, where float32 does not tell the two apart either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

if TYPE_CHECKING:
    from onnxplain.engines.onnxruntime.namespace import TracedNamespace
    from onnxplain.engines.onnxruntime.traced import Traced

SQUARINGS = 30
TINY = np.full((1, 1, 1), 1e-300)
"""What is divided by at least, so that channels that are all 0 give 0."""


def principal(xp: TracedNamespace, A: Traced, *, centre: bool) -> Traced:
    """Return Aᵀ u [N, P] for activations A [N, K, P], where u is the first left singular vector of each row.

    The sign is chosen so that the largest magnitude is positive. centre: subtract the mean of each channel first.
    """
    emit = A.emitter.emit
    A = emit("Cast", A, shape=A.shape, to=TensorProto.DOUBLE)
    n, channels, positions = A.shape
    if centre:
        mean = emit("ReduceMean", A, A.emitter.integers([2]), shape=(n, channels, 1), keepdims=1)
        A = A - mean
    by_place = int(positions) <= int(channels)  # an Einsum, since onnxruntime 1.15 fuses no transposes in float64
    power = xp.einsum("nkp,nkq->npq", A, A) if by_place else xp.einsum("nkp,nlp->nkl", A, A)
    for _ in range(SQUARINGS):
        power = power / _largest(power)
        power = xp.matmul(power, power)
    vector = _column(xp, power)
    if by_place:
        image = xp.matmul(A, vector)
        maps = vector * xp.sqrt(xp.sum(image * image, (1,)))
    else:
        maps = xp.einsum("nkp,nkv->npv", A, vector)
    signed = maps * _sign_of_largest(xp, maps)
    return xp.reshape(xp.real(signed), (n, positions))


def _largest(x: Traced) -> Traced:
    """Return the largest magnitude of each matrix, [N, 1, 1]."""
    shape = (x.shape[0], 1, 1)
    found = x.emitter.emit("ReduceMax", abs(x), x.emitter.integers([1, 2]), shape=shape, keepdims=1)
    return x.emitter.emit("Max", found, x.emitter.constant(TINY), shape=shape)


def _column(xp: TracedNamespace, projector: Traced) -> Traced:
    """Return the vector v [N, S, 1] of length 1 of a matrix that is v vᵀ times a number: its column of the largest."""
    size = projector.shape[1]
    diagonal = xp.sum(projector * projector.emitter.constant(np.eye(int(size))[np.newaxis]), (2,))
    column = xp.matmul(projector, _at_largest(xp, diagonal))
    length = xp.sqrt(xp.sum(column * column, (1,)))
    return column / length.emitter.emit("Max", length, length.emitter.constant(TINY), shape=length.shape)


def _at_largest(xp: TracedNamespace, x: Traced) -> Traced:
    """Return 1 at the largest element of each row of values [N, S, 1], the first of equal ones, and 0 elsewhere."""
    emit, (n, size, _) = x.emitter.emit, x.shape
    place = emit("ArgMax", x, shape=(n, 1), axis=1, keepdims=0)
    ends = x.emitter.constant(np.array([0, 1], np.float32))
    ones = emit("OneHot", place, x.emitter.integers([int(size)]), ends, shape=(n, 1, size))
    return emit("Cast", xp.reshape(ones, x.shape), shape=x.shape, to=TensorProto.DOUBLE)


def _sign_of_largest(xp: TracedNamespace, x: Traced) -> Traced:
    """Return the sign of the element of the largest magnitude of each row of values [N, P, 1], as [N, 1, 1]."""
    return xp.sign(xp.sum(x * _at_largest(xp, abs(x)), (1,)))
