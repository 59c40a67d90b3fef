"""The array functions over traced values: each one emits the ONNX nodes that compute its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from onnxplain.engines.onnxruntime import convolution, placing, recurrence, relevance
from onnxplain.engines.onnxruntime.gates import Condition, Finite, Given
from onnxplain.engines.onnxruntime.shapes import Rows, Shape, Size, broadcast, complete, einsum_shape, elements
from onnxplain.engines.onnxruntime.traced import Emitter, Operand, Traced

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxplain.engines.namespace import StepBack
    from onnxplain.walk.tape import Tape


def _unary(op: str) -> Callable[..., Traced]:
    """Return a method of the namespace that emits the ONNX operator `op` of one operand."""

    def function(self: TracedNamespace, x: Traced) -> Traced:
        return self._emitter.unary(op, x)

    return function


class TracedNamespace:
    """`Namespace` over traced values, in float32."""

    conv = staticmethod(convolution.conv)
    conv_adjoint = staticmethod(convolution.conv_adjoint)
    pool_winners = staticmethod(convolution.pool_winners)
    reduce_winners = staticmethod(placing.reduce_winners)
    untake = staticmethod(placing.untake)
    unpick = staticmethod(placing.unpick)
    scatter = staticmethod(placing.scatter)
    scatter_elements = staticmethod(placing.scatter_elements)
    scatter_nd = staticmethod(placing.scatter_nd)
    ratio = staticmethod(relevance.ratio)
    quotient = staticmethod(relevance.quotient)

    abs, exp, log, sqrt = map(_unary, ("Abs", "Exp", "Log", "Sqrt"))
    sin, cos, sinh, cosh = map(_unary, ("Sin", "Cos", "Sinh", "Cosh"))
    tanh, sigmoid, sign, erf = map(_unary, ("Tanh", "Sigmoid", "Sign", "Erf"))

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter

    def const(self, value: Any) -> Traced:
        if isinstance(value, Traced):
            return value
        value = np.asarray(value)
        return self._emitter.constant(value.astype(np.float32) if value.dtype.kind == "f" else value)

    def real(self, x: Traced) -> Traced:
        return self._emitter.emit("Cast", x, shape=x.shape, to=TensorProto.FLOAT)

    def pow(self, x: Traced, p: Operand) -> Traced:
        return self._emitter.binary("Pow", x, p)

    def maximum(self, x: Traced, y: Operand) -> Traced:
        return (
            self._emitter.unary("Relu", x)
            if self._emitter.operand(y).number == 0
            else self._emitter.binary("Max", x, y)
        )

    def minimum(self, x: Traced, y: Operand) -> Traced:
        return self._emitter.binary("Min", x, y)

    def where(self, c: Condition | Traced, x: Operand, y: Operand) -> Traced:
        condition = Given(c) if isinstance(c, Traced) else c
        return self._choose(condition, self._emitter.operand(x), self._emitter.operand(y))

    def _choose(self, condition: Condition, x: Traced, y: Traced) -> Traced:
        """Return x where the condition holds, else y: as a gate or a product with one where possible, else by Where."""
        shape = broadcast(condition.shape, x.shape, y.shape)
        if x is y:
            return self._emitter.filled(x.number, shape) if x.number is not None else self._broadcast(x, shape)
        if (x.number, y.number) == (1, 0):
            return condition.gate()
        if y.number == 0 and condition.steep:
            return x * condition.gate()
        return self._emitter.emit("Where", condition.holds(), x, y, shape=shape)

    def scan_back(
        self,
        step: StepBack,
        carried: Sequence[Traced],
        arriving: Sequence[Traced],
        tapes: Sequence[Tape],
        taps: Mapping[str, str],
        length: int,
    ) -> tuple[list[Traced], list[Traced]]:
        return recurrence.scan_back(TracedNamespace, self._emitter, step, carried, arriving, tapes, taps, length)

    def isfinite(self, x: Traced) -> Condition:
        return Finite(x)

    # --- reductions and shapes ------------------------------------------------------------------------------------

    def sum(self, x: Traced, axes: Sequence[int]) -> Traced:
        axes = sorted(axis % x.ndim for axis in axes)
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        return self._emitter.emit("ReduceSum", x, self._emitter.integers(axes), shape=shape, keepdims=1) if axes else x

    def ones_like(self, like: Traced) -> Traced:
        # one row is enough, since it broadcasts to all of them
        return self._emitter.filled(1.0, tuple(1 if isinstance(size, Rows) else size for size in like.shape))

    def reshape_like(self, x: Traced, like: Traced) -> Traced:
        return self.reshape(x, like.shape)

    def reshape(self, x: Traced, shape: Sequence[Size]) -> Traced:
        target = complete(shape, elements(x.shape))
        if target == x.shape:
            return x
        sizes = [-1 if isinstance(size, Rows) else size for size in target]
        if sizes.count(-1) > 1:
            return self._emitter.emit("Reshape", x, self._emitter.extents(target), shape=target)
        return self._emitter.emit("Reshape", x, self._emitter.integers(sizes), shape=target)

    def expand_dims(self, x: Traced, axes: Sequence[int]) -> Traced:
        rank = x.ndim + len(axes)
        new, old = {axis % rank for axis in axes}, iter(x.shape)
        return self.reshape(x, [1 if axis in new else next(old) for axis in range(rank)])

    def transpose(self, x: Traced, perm: Sequence[int]) -> Traced:
        perm = [axis % x.ndim for axis in perm]
        if perm == sorted(perm):
            return x
        return self._emitter.emit("Transpose", x, shape=tuple(x.shape[axis] for axis in perm), perm=perm)

    def broadcast_like(self, x: Traced, like: Traced) -> Traced:
        return convolution.spread(x, like) or self._broadcast(x, like.shape)

    def _broadcast(self, x: Traced, shape: Shape) -> Traced:
        """Repeat `x` to `shape`. An axis that has its length already is left alone, even where that is a symbol."""
        if x.shape == shape:
            return x
        have = (1,) * (len(shape) - x.ndim) + x.shape
        wanted = tuple(1 if a == b else b for a, b in zip(have, shape, strict=True))
        return self._emitter.emit("Expand", x, self._emitter.extents(wanted), shape=shape)

    def unbroadcast(self, g: Traced, like: Traced) -> Traced:
        lead = g.ndim - like.ndim
        grown = [i for i, (a, b) in enumerate(zip(g.shape[lead:], like.shape, strict=True), lead) if b == 1 != a]
        summed = self.sum(g, [*range(lead), *grown])
        return self.reshape(summed, summed.shape[lead:]) if lead else summed

    def pick(self, x: Traced, keys: Sequence[slice]) -> Traced:
        spans = {axis: key.indices(x.shape[axis]) for axis, key in enumerate(keys) if key != slice(None)}
        spans = {axis: span for axis, span in spans.items() if range(*span) != range(x.shape[axis])}
        if not spans:
            return x
        starts, stops, steps = map(list, zip(*spans.values(), strict=True))
        stops = [convolution.FRONT if stop < 0 else stop for stop in stops]
        shape = tuple(len(range(*spans[axis])) if axis in spans else size for axis, size in enumerate(x.shape))
        return self._emitter.emit(
            "Slice", x, *map(self._emitter.integers, (starts, stops, list(spans), steps)), shape=shape
        )

    def take(self, x: Traced, indices: Any, axis: int) -> Traced:
        indices = self.const(indices)
        shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
        return self._emitter.emit("Gather", x, indices, shape=shape, axis=axis)

    # --- linear maps ----------------------------------------------------------------------------------------------

    def matmul(self, a: Traced, b: Traced) -> Traced:
        lead = broadcast(a.shape[:-2], b.shape[:-2])
        shape = (*lead, a.shape[-2], b.shape[-1])
        if a.ndim == b.ndim == 2:
            # Gemm reads a transposed weight where it is, without a second copy of it
            (a, turn_a), (b, turn_b) = _untransposed(a), _untransposed(b)
            return self._emitter.emit("Gemm", a, b, shape=shape, transA=turn_a, transB=turn_b)
        return self._emitter.emit("MatMul", a, b, shape=shape)

    def einsum(self, equation: str, *xs: Traced) -> Traced:
        shape = einsum_shape(equation, [x.shape for x in xs])
        return self._emitter.emit("Einsum", *xs, shape=shape, equation=equation)


def _untransposed(x: Traced) -> tuple[Traced, int]:
    """Return what a matrix is the transpose of, and 1; or the matrix itself, and 0."""
    if x.op == "Transpose" and x.ndim == 2 and x.inputs[0] is not None:
        return x.inputs[0], 1
    return x, 0
