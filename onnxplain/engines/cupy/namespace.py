"""`Namespace` on CuPy arrays of one float dtype."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy import convolution, gemm, reduce, scatter
from onnxplain.engines.cupy.kernels import each, flat
from onnxplain.engines.cupy.structs import Struct, window_struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.engines.window import Window

Array = Any


class CupyNamespace:
    """`Namespace` over CuPy arrays of one float dtype."""

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype = np.dtype(dtype)
        # windows of winners that are still in use, by id: their scatter is a gather
        self._windows: dict[int, Struct] = {}

    abs = staticmethod(cupy.abs)
    exp = staticmethod(cupy.exp)
    log = staticmethod(cupy.log)
    sqrt = staticmethod(cupy.sqrt)
    sin = staticmethod(cupy.sin)
    cos = staticmethod(cupy.cos)
    sinh = staticmethod(cupy.sinh)
    cosh = staticmethod(cupy.cosh)
    tanh = staticmethod(cupy.tanh)
    sign = staticmethod(cupy.sign)
    isfinite = staticmethod(cupy.isfinite)
    maximum = staticmethod(cupy.maximum)
    minimum = staticmethod(cupy.minimum)
    pow = staticmethod(cupy.power)
    einsum = staticmethod(cupy.einsum)
    matmul = staticmethod(gemm.matmul)
    conv = staticmethod(convolution.conv)
    conv_adjoint = staticmethod(convolution.conv_adjoint)

    def const(self, value: Any) -> Array:
        if isinstance(value, cupy.ndarray):
            return value
        value = np.asarray(value)
        return cupy.asarray(value.astype(self.dtype, copy=False) if value.dtype.kind == "f" else value)

    def sigmoid(self, x: Array) -> Array:
        return self._mapped("sigmoid", x)

    def erf(self, x: Array) -> Array:
        return self._mapped("error_function", x)

    def where(self, c: Array, x: Array, y: Array) -> Array:
        out = cupy.empty(np.broadcast_shapes(c.shape, np.shape(x), np.shape(y)), self.dtype)
        sides = (*self._side(x, out.shape), *self._side(y, out.shape))
        args = (flat(c.astype(bool, copy=False), out.shape), *sides, out, np.int64(out.size))
        each("where", out.size, args, self.dtype)
        return out

    def ratio(self, r: Array, z: Array, eps: float) -> Array:
        out = cupy.empty(np.broadcast_shapes(r.shape, z.shape), self.dtype)
        args = (flat(r, out.shape), flat(z, out.shape), out, self.dtype.type(eps), np.int64(out.size))
        each("ratio", out.size, args, self.dtype)
        return out

    def quotient(self, dy: Array, dx: Array, near: Array, slope: Array) -> Array:
        out = cupy.empty(np.broadcast_shapes(dy.shape, dx.shape, near.shape, slope.shape), self.dtype)
        sides = (flat(side, out.shape) for side in (dy, dx, near, slope))
        each("quotient", out.size, (*sides, out, np.int64(out.size)), self.dtype)
        return out

    # --- reductions and shapes ------------------------------------------------------------------------------------

    def sum(self, x: Array, axes: Sequence[int]) -> Array:
        return reduce.sum_over(x, axes)

    def ones_like(self, like: Array) -> Array:
        return cupy.ones(like.shape, self.dtype)

    def reshape_like(self, x: Array, like: Array) -> Array:
        return x.reshape(like.shape)

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape(tuple(shape))

    def expand_dims(self, x: Array, axes: Sequence[int]) -> Array:
        return cupy.expand_dims(x, tuple(axes))

    def transpose(self, x: Array, perm: Sequence[int]) -> Array:
        return x.transpose(tuple(perm))

    def broadcast_like(self, x: Array, like: Array) -> Array:
        return cupy.broadcast_to(x, like.shape)

    def unbroadcast(self, g: Array, like: Array) -> Array:
        return reduce.unbroadcast(g, like.shape)

    def pick(self, x: Array, keys: Sequence[slice]) -> Array:
        return x[tuple(keys)]

    def unpick(self, g: Array, like: Array, keys: Sequence[slice]) -> Array:
        out = cupy.zeros(like.shape, self.dtype)
        out[tuple(keys)] = g
        return out

    # --- positions ------------------------------------------------------------------------------------------------

    def take(self, x: Array, indices: Any, axis: int) -> Array:
        return cupy.take(x, self.const(indices), axis)

    def untake(self, g: Array, like: Array, indices: Any, axis: int) -> Array:
        outer, rows, inner = math.prod(like.shape[:axis]), like.shape[axis], math.prod(like.shape[axis + 1 :])
        keys = scatter.positions([self.const(indices).ravel()], (rows,))
        return scatter.add_at(g, keys, outer, rows, inner).reshape(like.shape)

    def scatter_elements(self, g: Array, like: Array, indices: Array, axis: int) -> Array:
        where = scatter.grid(indices.shape)
        where[axis] = indices
        return self.scatter(g, like, scatter.positions(where, like.shape))

    def scatter_nd(self, g: Array, like: Array, indices: Array) -> Array:
        depth = indices.shape[-1]
        keys = scatter.positions([indices[..., i].ravel() for i in range(depth)], like.shape[:depth])
        rows, inner = math.prod(like.shape[:depth]), math.prod(like.shape[depth:])
        return scatter.add_at(g, keys, 1, rows, inner).reshape(like.shape)

    def scatter(self, g: Array, like: Array, winners: Array) -> Array:
        struct = self._windows.get(id(winners))
        if struct is None:
            return scatter.add_at(g, winners.ravel(), 1, math.prod(like.shape), 1).reshape(like.shape)
        out = cupy.empty(like.shape, self.dtype)
        planes = np.int64(math.prod(like.shape[:2]))
        each("scatter_windows", out.size, (cupy.ascontiguousarray(g), winners, out, planes, struct), self.dtype)
        return out

    def pool_winners(self, x: Array, window: Window) -> Array:
        winners, struct = cupy.empty((*x.shape[:2], *window.out), np.int64), window_struct(window, x.shape[2:])
        planes = np.int64(math.prod(x.shape[:2]))
        each("pool_winners", winners.size, (cupy.ascontiguousarray(x), winners, planes, struct), self.dtype)
        self._windows[id(winners)] = struct
        weakref.finalize(winners, self._windows.pop, id(winners), None).atexit = False
        return winners

    def reduce_winners(self, x: Array, axes: Sequence[int]) -> Array:
        return reduce.winners_over(x, axes)

    def _mapped(self, kernel: str, x: Array) -> Array:
        """A function of one number, by the kernel of this name."""
        out = cupy.empty(x.shape, self.dtype)
        each(kernel, out.size, (flat(x, x.shape), out, np.int64(out.size)), self.dtype)
        return out

    def _side(self, x: Any, shape: Sequence[int]) -> tuple[Array | None, Any]:
        """An operand of `where` as its kernel takes it: an array, or none and a number."""
        array = isinstance(x, cupy.ndarray)
        return flat(x, shape) if array else None, self.dtype.type(0 if array else x)
