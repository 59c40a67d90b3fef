"""The array functions on a GPU: functions of one element make chains, all others run at once."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from onnxplain.engines.cupy import convolution, gemm, reduce, scatter
from onnxplain.engines.cupy.arrays import Array, chained, filled, from_memory, materialise
from onnxplain.engines.cupy.kernels import Memory, each
from onnxplain.engines.cupy.structs import Struct, window_struct
from onnxplain.engines.stepwise import Stepwise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.engines.window import Window


def _function(name: str, operands: int = 1, *, boolean: bool = False) -> Any:
    """Return a method that makes a chain of the function `name` of functions.cuh."""
    text = f"xp::{name}({', '.join(['{}'] * operands)})"
    return staticmethod(lambda *given: chained(text, *given, boolean=boolean))


class CupyNamespace(Stepwise):
    """`Namespace` over arrays of one float dtype, "float32" or "float64".

    conv_adjoint: the function that computes the adjoint of a convolution, with the parameters of the default.
    """

    def __init__(self, dtype: str = "float32", conv_adjoint: Callable[..., Memory] = convolution.conv_adjoint) -> None:
        self.dtype = np.dtype(dtype)
        self._conv_adjoint = conv_adjoint
        # the window of each array of winners that is alive, by id: with it, `scatter` needs no sorting of positions
        self._windows: dict[int, Struct] = {}

    abs = _function("abs")
    exp = _function("exp")
    erf = _function("erf")
    log = _function("log")
    sqrt = _function("sqrt")
    sin = _function("sin")
    cos = _function("cos")
    sinh = _function("sinh")
    cosh = _function("cosh")
    tanh = _function("tanh")
    sigmoid = _function("sigmoid")
    sign = _function("sign")
    pow = _function("pow", 2)
    maximum = _function("maximum", 2)
    minimum = _function("minimum", 2)
    where = _function("where", 3)
    isfinite = _function("isfinite", boolean=True)
    ratio = _function("ratio", 3)
    quotient = _function("quotient", 4)

    def const(self, value: Any) -> Array:
        if isinstance(value, Array):
            return value
        if not isinstance(value, cupy.ndarray):
            value = np.asarray(value)
            value = cupy.asarray(value.astype(self.dtype, copy=False) if value.dtype.kind == "f" else value)
        return from_memory(value, self.dtype)

    def real(self, x: Array) -> Array:
        return chained("T({})", x)

    # --- reductions and shapes ------------------------------------------------------------------------------------

    def sum(self, x: Array, axes: Sequence[int]) -> Array:
        return self.const(reduce.sum_over(x, axes))

    def ones_like(self, like: Array) -> Array:
        return filled(like.shape, 1.0, self.dtype)

    def reshape_like(self, x: Array, like: Array) -> Array:
        return self.const(materialise(x).reshape(like.shape))

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return self.const(materialise(x).reshape(tuple(shape)))

    def expand_dims(self, x: Array, axes: Sequence[int]) -> Array:
        return self.const(cupy.expand_dims(materialise(x), tuple(axes)))

    def transpose(self, x: Array, perm: Sequence[int]) -> Array:
        return self.const(materialise(x).transpose(tuple(perm)))

    def broadcast_like(self, x: Array, like: Array) -> Array:
        return self.const(cupy.broadcast_to(materialise(x), like.shape))

    def unbroadcast(self, g: Array, like: Array) -> Array:
        return reduce.unbroadcast(g, like.shape)

    def pick(self, x: Array, keys: Sequence[slice]) -> Array:
        return self.const(materialise(x)[tuple(keys)])

    def unpick(self, g: Array, like: Array, keys: Sequence[slice]) -> Array:
        out = cupy.zeros(like.shape, self.dtype)
        out[tuple(keys)] = materialise(g)
        return self.const(out)

    def _stack(self, xs: Sequence[Array]) -> Array:
        out = cupy.empty((len(xs), *xs[0].shape), self.dtype)
        for i, x in enumerate(xs):
            out[i] = materialise(x)
        return self.const(out)

    # --- linear maps ----------------------------------------------------------------------------------------------

    def matmul(self, a: Array, b: Array) -> Array:
        return self.const(gemm.matmul(materialise(a), materialise(b)))

    def einsum(self, equation: str, *xs: Array) -> Array:
        return self.const(cupy.einsum(equation, *map(materialise, xs)))

    def conv(self, x: Array, w: Array, window: Window, group: int) -> Array:
        return self.const(convolution.conv(materialise(x), materialise(w), window, group))

    def conv_adjoint(self, g: Array, w: Array, like: Array, window: Window, group: int) -> Array:
        return self.const(self._conv_adjoint(materialise(g), materialise(w), like, window, group))

    # --- positions ------------------------------------------------------------------------------------------------

    def take(self, x: Array, indices: Any, axis: int) -> Array:
        return self.const(cupy.take(materialise(x), materialise(self.const(indices)), axis))

    def untake(self, g: Array, like: Array, indices: Any, axis: int) -> Array:
        outer, rows, inner = math.prod(like.shape[:axis]), like.shape[axis], math.prod(like.shape[axis + 1 :])
        keys = scatter.positions([materialise(self.const(indices)).ravel()], (rows,))
        return self._added(g, keys, outer, rows, inner, like)

    def scatter_elements(self, g: Array, like: Array, indices: Array, axis: int) -> Array:
        where = scatter.grid(indices.shape)
        where[axis] = materialise(indices)
        keys = scatter.positions(where, like.shape)
        return self._added(g, keys.ravel(), 1, math.prod(like.shape), 1, like)

    def scatter_nd(self, g: Array, like: Array, indices: Array) -> Array:
        depth, memory = indices.shape[-1], materialise(indices)
        keys = scatter.positions([memory[..., i].ravel() for i in range(depth)], like.shape[:depth])
        rows, inner = math.prod(like.shape[:depth]), math.prod(like.shape[depth:])
        return self._added(g, keys, 1, rows, inner, like)

    def scatter(self, g: Array, like: Array, winners: Array) -> Array:
        struct = self._windows.get(id(winners))
        if struct is None:
            return self._added(g, materialise(winners).ravel(), 1, math.prod(like.shape), 1, like)
        out = cupy.empty(like.shape, self.dtype)
        planes = np.int64(math.prod(like.shape[:2]))
        args = (cupy.ascontiguousarray(materialise(g)), materialise(winners), out, planes, struct)
        each("scatter_windows", out.size, args, self.dtype)
        return self.const(out)

    def pool_winners(self, x: Array, window: Window) -> Array:
        winners, struct = cupy.empty((*x.shape[:2], *window.out), np.int64), window_struct(window, x.shape[2:])
        planes = np.int64(math.prod(x.shape[:2]))
        each(
            "pool_winners", winners.size, (cupy.ascontiguousarray(materialise(x)), winners, planes, struct), self.dtype
        )
        found = self.const(winners)
        self._windows[id(found)] = struct
        weakref.finalize(found, self._windows.pop, id(found), None).atexit = False
        return found

    def reduce_winners(self, x: Array, axes: Sequence[int]) -> Array:
        return self.const(reduce.winners_over(x, axes))

    def _added(self, g: Array, keys: Memory, outer: int, rows: int, inner: int, like: Array) -> Array:
        """Add the slices of `g` at `keys` into zeros in the shape of `like`; see `scatter.add_at`."""
        return self.const(scatter.add_at(materialise(g), keys, outer, rows, inner).reshape(like.shape))
