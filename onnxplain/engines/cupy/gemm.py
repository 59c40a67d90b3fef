"""Matrix products by cuBLAS in exact float32, without copies of transposed and repeated operands.

`cupy.matmul` computes the same, but copies a transposed operand of a batch, and makes a list of pointers for one that
is repeated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cupy
import numpy as np

if TYPE_CHECKING:
    from onnxplain.engines.cupy.kernels import Memory

_PLAIN = 0
"""cuBLAS's code for an operand that is multiplied as it lies."""

_TRANSPOSED = 1
"""cuBLAS's code for an operand that is transposed."""

_PREFIX = {"f": "s", "d": "d"}
"""The first letter of cuBLAS's functions for each dtype."""


@dataclass(frozen=True)
class _Stack:
    """A batch of matrices as cuBLAS takes it.

    array: holds the matrices. operation: _PLAIN or _TRANSPOSED, which all matrices are alike.
    lead: the step, in elements, from one row to the next (or column, where transposed). step: that to the next matrix.
    """

    array: Memory
    operation: int
    lead: int
    step: int


def matmul(a: Memory, b: Memory) -> Memory:
    """Return a @ b as NumPy does: [..., m, k] @ [..., k, n]. Leading axes broadcast; operands may be vectors."""
    if a.ndim == 1:
        return matmul(a[None], b)[..., 0, :]
    if b.ndim == 1:
        return matmul(a, b[:, None])[..., 0]
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*lead, a.shape[-2], b.shape[-1])
    if not (a.size and b.size):
        return cupy.zeros(shape, a.dtype)
    out = cupy.empty(shape, a.dtype)
    _product(cupy.broadcast_to(a, (*lead, *a.shape[-2:])), cupy.broadcast_to(b, (*lead, *b.shape[-2:])), out)
    return out


def _product(a: Memory, b: Memory, out: Memory) -> None:
    """Write a @ b into `out`; all three have the same leading axes.

    It is one call where each has a constant step from matrix to matrix, else a loop over the shortest leading axis.
    """
    left, right, result = (_stack(each) for each in (a, b, out))
    if left is None or right is None or result is None:
        axis = int(np.argmin(out.shape[:-2]))
        a, b, out = (cupy.moveaxis(each, axis, 0) for each in (a, b, out))
        for parts in zip(a, b, out, strict=True):
            _product(*parts)
    else:
        _call(left, right, result, out.shape, a.shape[-1])


def _call(a: _Stack, b: _Stack, out: _Stack, shape: tuple[int, ...], k: int) -> None:
    """Call cuBLAS for products of this shape [..., m, n], over `k` terms."""
    count, m, n = math.prod(shape[:-2]), shape[-2], shape[-1]
    if b.step == 0 and a.operation == _PLAIN and a.step == m * a.lead and out.step == m * out.lead:
        count, m = 1, count * m  # the same b for all, and rows of one step: one product with the rows of all matrices
    dtype = out.array.dtype
    one, zero = np.array(1, dtype), np.array(0, dtype)
    multiply = getattr(cupy.cuda.cublas, _PREFIX[dtype.char] + "gemmStridedBatched")
    # cuBLAS expects columns one behind another, so it sees every matrix transposed; and (a b)ᵀ = bᵀ aᵀ
    multiply(
        cupy.cuda.get_cublas_handle(), b.operation, a.operation, n, m, k, one.ctypes.data,
        b.array.data.ptr, b.lead, b.step, a.array.data.ptr, a.lead, a.step,
        zero.ctypes.data, out.array.data.ptr, out.lead, out.step, count,
    )  # fmt: skip


def _stack(x: Memory) -> _Stack | None:
    """Return `x` as cuBLAS takes it; None where there is no constant step from matrix to matrix.

    It is copied where neither its rows nor its columns are contiguous.
    """
    rows, columns = x.shape[-2:]
    row, column = (step // x.itemsize for step in x.strides[-2:])
    if (column == 1 or columns == 1) and (row >= columns or rows == 1):
        operation, lead = _PLAIN, max(row if rows > 1 else columns, 1)
    elif (row == 1 or rows == 1) and (column >= rows or columns == 1):
        operation, lead = _TRANSPOSED, max(column if columns > 1 else rows, 1)
    else:
        return _stack(cupy.ascontiguousarray(x))
    step = _step(x.shape[:-2], [s // x.itemsize for s in x.strides[:-2]])
    return None if step is None else _Stack(x, operation, lead, step)


def _step(shape: tuple[int, ...], steps: list[int]) -> int | None:
    """Return the constant step from matrix to matrix, over leading axes of this shape and these steps, or None."""
    axes = [(length, step) for length, step in zip(shape, steps, strict=True) if length != 1]
    for (_, outer), (length, inner) in pairwise(axes):
        if outer != inner * length:
            return None
    return axes[-1][1] if axes else 0
