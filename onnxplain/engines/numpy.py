"""The array functions in NumPy, in float32 or float64: the reference that the other engines are checked against."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from onnxplain.engines.stepwise import Stepwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike

    from onnxplain.arrays import AnyArray
    from onnxplain.engines.window import Window


class NumpyNamespace(Stepwise):
    """`Namespace`, which documents the functions, over NumPy arrays of one float dtype: "float32" or "float64"."""

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype = np.dtype(dtype)

    abs = staticmethod(np.abs)
    exp = staticmethod(np.exp)
    log = staticmethod(np.log)
    sqrt = staticmethod(np.sqrt)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    sinh = staticmethod(np.sinh)
    cosh = staticmethod(np.cosh)
    tanh = staticmethod(np.tanh)
    sign = staticmethod(np.sign)
    isfinite = staticmethod(np.isfinite)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    transpose = staticmethod(np.transpose)
    matmul = staticmethod(np.matmul)
    expand_dims = staticmethod(np.expand_dims)
    pow = staticmethod(np.power)
    _stack = staticmethod(np.stack)

    def const(self, value: AnyArray | ArrayLike) -> AnyArray:
        value = np.asarray(value)
        return value.astype(self.dtype, copy=False) if value.dtype.kind == "f" else value

    def real(self, x: AnyArray) -> AnyArray:
        return np.asarray(x, self.dtype)

    def where(self, c: AnyArray, x: AnyArray, y: AnyArray) -> AnyArray:
        # of two Python numbers NumPy makes float64, whatever the dtype of the other arrays
        chosen: AnyArray = np.where(c, x, y)
        return chosen.astype(self.dtype, copy=False)

    def sigmoid(self, x: AnyArray) -> AnyArray:
        # the argument of exp is never positive, so that nothing overflows
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e).astype(self.dtype) / (1 + e)

    def erf(self, x: AnyArray) -> AnyArray:
        return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), self.dtype)

    def sum(self, x: AnyArray, axes: Sequence[int]) -> AnyArray:
        return x.sum(axis=tuple(axes), keepdims=True)

    def ones_like(self, like: AnyArray) -> AnyArray:
        return np.ones(like.shape, self.dtype)

    def reshape_like(self, x: AnyArray, like: AnyArray) -> AnyArray:
        return x.reshape(like.shape)

    def reshape(self, x: AnyArray, shape: Sequence[int]) -> AnyArray:
        return x.reshape(shape)

    def broadcast_like(self, x: AnyArray, like: AnyArray) -> AnyArray:
        return np.broadcast_to(x, like.shape)

    def unbroadcast(self, g: AnyArray, like: AnyArray) -> AnyArray:
        if g.shape == like.shape:
            return g
        lead = g.ndim - like.ndim
        kept = g.sum(axis=tuple(range(lead)))
        return kept.sum(axis=tuple(i for i, n in enumerate(like.shape) if n == 1), keepdims=True)

    def pick(self, x: AnyArray, keys: Sequence[slice]) -> AnyArray:
        return x[tuple(keys)]

    def unpick(self, g: AnyArray, like: AnyArray, keys: Sequence[slice]) -> AnyArray:
        out = np.zeros(like.shape, self.dtype)
        out[tuple(keys)] = g
        return out

    def take(self, x: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        return np.take(x, indices, axis)

    def untake(self, g: AnyArray, like: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        n, indices = like.shape[axis], np.asarray(indices)
        slices = np.moveaxis(g.reshape(*like.shape[:axis], -1, *like.shape[axis + 1 :]), axis, 0)
        out = np.zeros((n, *slices.shape[1:]), self.dtype)
        np.add.at(out, indices.ravel() % n, slices)
        return np.moveaxis(out, 0, axis)

    def scatter_elements(self, g: AnyArray, like: AnyArray, indices: AnyArray, axis: int) -> AnyArray:
        where = list(np.ogrid[tuple(map(slice, indices.shape))])
        where[axis] = indices
        out = np.zeros(like.shape, self.dtype)
        np.add.at(out, tuple(where), g)
        return out

    def scatter_nd(self, g: AnyArray, like: AnyArray, indices: AnyArray) -> AnyArray:
        out = np.zeros(like.shape, self.dtype)
        np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), g)
        return out

    def scatter(self, g: AnyArray, like: AnyArray, winners: AnyArray) -> AnyArray:
        size = math.prod(like.shape)
        return np.bincount(winners.ravel(), g.ravel(), size).reshape(like.shape).astype(self.dtype)

    def einsum(self, equation: str, *xs: AnyArray) -> AnyArray:
        return np.einsum(equation, *xs, optimize=True)

    def conv(self, x: AnyArray, w: AnyArray, window: Window, group: int) -> AnyArray:
        columns = _columns(x, window, group)
        kernel = w.reshape(group, w.shape[0] // group, -1)
        return np.matmul(kernel, columns).reshape(x.shape[0], w.shape[0], *window.out)

    def conv_adjoint(self, g: AnyArray, w: AnyArray, like: AnyArray, window: Window, group: int) -> AnyArray:
        n, channels, *size = like.shape
        kernel = w.reshape(group, w.shape[0] // group, -1)
        columns = np.matmul(kernel.transpose(0, 2, 1), g.reshape(n, group, g.shape[1] // group, -1))
        if window.pointwise:
            return columns.reshape(like.shape)
        columns = columns.reshape(n, channels, *window.kernel, *window.out)
        padded = [s + b + max(a, 0) for s, b, a in zip(size, window.before, window.after, strict=True)]
        out: AnyArray = np.zeros((n, channels, *padded), self.dtype)
        for tap, place in _taps(window):
            out[(..., *place)] += columns[(slice(None), slice(None), *tap)]
        return out[(..., *(slice(b, b + s) for b, s in zip(window.before, size, strict=True)))]

    def pool_winners(self, x: AnyArray, window: Window) -> AnyArray:
        padded = _pad(x, window, -np.inf)
        flat = _pad(np.arange(x.size).reshape(x.shape), window, -1)
        best = np.full((*x.shape[:2], *window.out), -np.inf, self.dtype)
        winner = np.full(best.shape, -1)
        for _, place in _taps(window):
            value, position = padded[(..., *place)], flat[(..., *place)]
            wins = (value > best) | ((winner < 0) & (position >= 0))
            best, winner = np.where(wins, value, best), np.where(wins, position, winner)
        return winner

    def reduce_winners(self, x: AnyArray, axes: Sequence[int]) -> AnyArray:
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        rows = np.arange(x.size).reshape(x.shape).transpose(*kept, *axes)
        rows = rows.reshape(*rows.shape[: len(kept)], -1)
        first = x.ravel()[rows].argmax(-1)[..., None]
        return np.expand_dims(np.take_along_axis(rows, first, -1)[..., 0], tuple(axes))

    def ratio(self, r: AnyArray, z: AnyArray, eps: float) -> AnyArray:
        z = z + np.where(z >= 0, self.dtype.type(eps), self.dtype.type(-eps))
        return np.where(z == 0, 0, r / np.where(z == 0, 1, z)).astype(self.dtype, copy=False)

    def quotient(self, dy: AnyArray, dx: AnyArray, near: AnyArray, slope: AnyArray) -> AnyArray:
        return np.where(near, slope, dy / np.where(near, 1, dx)).astype(self.dtype, copy=False)


def _pad(x: AnyArray, window: Window, value: float) -> AnyArray:
    """Pad the spatial axes of `x` with `value`, as the window asks. A negative width behind cuts nothing off."""
    pads = [(b, max(a, 0)) for b, a in zip(window.before, window.after, strict=True)]
    return np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value) if any(map(any, pads)) else x


def _columns(x: AnyArray, window: Window, group: int) -> AnyArray:
    """Return the columns (im2col) of x [N, C, *in]: [N, group, channels per group * kernel elements, positions]."""
    n, channels = x.shape[:2]
    if window.pointwise:
        return x.reshape(n, group, channels // group, -1)
    axes = range(2, x.ndim)
    span = [(k - 1) * d + 1 for k, d in zip(window.kernel, window.dilations, strict=True)]
    views = sliding_window_view(_pad(x, window, 0), span, axis=tuple(axes))
    steps = [slice(None, (o - 1) * s + 1, s) for o, s in zip(window.out, window.strides, strict=True)]
    views = views[(slice(None), slice(None), *steps, *(slice(None, None, d) for d in window.dilations))]
    taps = tuple(range(x.ndim, 2 * x.ndim - 2))
    return views.transpose(0, 1, *taps, *axes).reshape(n, group, channels // group * math.prod(window.kernel), -1)


def _taps(window: Window) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Yield each kernel position with the slices of the padded input that it meets, in the shape of the output."""
    for tap in itertools.product(*map(range, window.kernel)):
        yield (
            tap,
            tuple(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, window.dilations, window.out, window.strides, strict=True)
            ),
        )
