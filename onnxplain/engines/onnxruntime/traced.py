"""Traced values: an operation on one becomes an ONNX node, and the emitter that collects the nodes.

A traced value knows the node that makes it, so `algebra` can simplify as the walk goes on. What nothing reads in the
end is left out. Values of the forward graph and its weights are traced values too, made by nodes that are there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from onnxplain.engines.onnxruntime import algebra
from onnxplain.engines.onnxruntime.gates import Comparison, Opposite
from onnxplain.engines.onnxruntime.shapes import Rows, Shape, broadcast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxplain.arrays import Array

IMAGES = frozenset({"Conv", "ConvTranspose", "MaxPool", "HardSigmoid", "Relu", "Mul", "Add", "Reshape"})
"""What is computed of images, where the layout matters."""

WHOLE = frozenset({"Shape", "ArgMax", "Range", "MaxPool.1"})
"""What gives indices; sums, products and reshapes of indices are indices."""

Operand = Any
"""A traced value or a number."""


class Traced:
    """A value of the graph: its name, its shape, and the node it comes from.

    constant: whether it is computed from constants only; nonnegative: whether no element can be below 0.
    """

    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to this class
    __hash__ = object.__hash__

    def __init__(
        self,
        emitter: Emitter,
        name: str,
        shape: Shape,
        op: str = "",
        inputs: tuple[Traced | None, ...] = (),
        attrs: Mapping[str, Any] | None = None,
        number: float | None = None,
    ) -> None:
        self.emitter, self.name, self.shape = emitter, name, shape
        self.op, self.inputs, self.attrs, self.number = op, inputs, attrs or {}, number
        # told now, from inputs that know it of themselves: asked later, a deep graph would be a deep recursion
        self.constant: bool = op == "Constant" or (bool(inputs) and all(x is None or x.constant for x in inputs))
        self.nonnegative: bool = algebra.nonnegative(self)
        self.whole: bool = op in WHOLE or any(each is not None and each.whole for each in inputs[:1])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"Traced({self.name!r}, {self.shape})"

    def __add__(self, other: Operand) -> Traced:
        return self.emitter.binary("Add", self, other)

    def __radd__(self, other: Operand) -> Traced:
        return self.emitter.binary("Add", other, self)

    def __sub__(self, other: Operand) -> Traced:
        return self.emitter.binary("Sub", self, other)

    def __rsub__(self, other: Operand) -> Traced:
        return self.emitter.binary("Sub", other, self)

    def __mul__(self, other: Operand) -> Traced:
        return self.emitter.binary("Mul", self, other)

    def __rmul__(self, other: Operand) -> Traced:
        return self.emitter.binary("Mul", other, self)

    def __truediv__(self, other: Operand) -> Traced:
        return self.emitter.binary("Div", self, other)

    def __rtruediv__(self, other: Operand) -> Traced:
        return self.emitter.binary("Div", other, self)

    def __neg__(self) -> Traced:
        return self.emitter.unary("Neg", self)

    def __abs__(self) -> Traced:
        return self.emitter.unary("Abs", self)

    def __gt__(self, other: Operand) -> Comparison:
        return Comparison("Greater", self, self.emitter.operand(other))

    def __ge__(self, other: Operand) -> Comparison:
        return Comparison("GreaterOrEqual", self, self.emitter.operand(other))

    def __lt__(self, other: Operand) -> Comparison:
        return Comparison("Less", self, self.emitter.operand(other))

    def __le__(self, other: Operand) -> Comparison:
        return Comparison("LessOrEqual", self, self.emitter.operand(other))

    def __eq__(self, other: object) -> Comparison:  # type: ignore[override]
        return Comparison("Equal", self, self.emitter.operand(other))

    def __ne__(self, other: object) -> Opposite:  # type: ignore[override]
        return Opposite(self == other)


class Emitter:
    """Collects nodes and constants. `scope` is the first part of the names of what is emitted next."""

    def __init__(self, batch_of: str, batch: str = "N") -> None:
        self.scope = "explain"
        self.batch = batch
        self._batch_of = batch_of
        self._made: dict[str, NodeProto] = {}
        self._constants: dict[str, TensorProto] = {}
        self._known: dict[Any, Traced] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def sizes(self, shape: Shape) -> list[int | str]:
        """The shape as a model states it, with names where it grows with the batch."""
        names = {
            size: self.batch if size.each == 1 else f"{size.each}*{self.batch}"
            for size in shape
            if isinstance(size, Rows)
        }
        return [names[size] if isinstance(size, Rows) else size for size in shape]

    # --- constants ------------------------------------------------------------------------------------------------

    def operand(self, value: Operand) -> Traced:
        """A traced value as it is, a number as a constant of rank 0."""
        return value if isinstance(value, Traced) else self.constant(np.asarray(value, np.float32))

    def constant(self, value: Array) -> Traced:
        """An array as a constant; equal ones are one."""
        key = (value.tobytes(), value.dtype.str, value.shape)
        if key not in self._known:
            name = f"explain/constant.{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(value, name)
            number = float(value) if value.ndim == 0 and value.dtype.kind == "f" else None
            self._known[key] = Traced(self, name, value.shape, "Constant", number=number)
            self._known[key].whole = value.dtype.kind != "f"
        return self._known[key]

    def integers(self, values: Iterable[int]) -> Traced:
        """A vector of int64, for shapes, axes and indices."""
        return self.constant(np.array(list(values), np.int64))

    def extents(self, shape: Shape) -> Traced:
        """The shape as a vector; where it grows with the batch, computed from the input."""
        if not any(isinstance(size, Rows) for size in shape):
            return self.integers(size for size in shape if isinstance(size, int))
        batch = self.emit("Shape", Traced(self, self._batch_of, ()), shape=(1,), start=0, end=1)
        parts = [
            self.emit("Mul", batch, self.integers([size.each]), shape=(1,))
            if isinstance(size, Rows)
            else self.integers([size])
            for size in shape
        ]
        return self.emit("Concat", *parts, shape=(len(parts),), axis=0)

    def filled(self, number: float, shape: Shape) -> Traced:
        """One number everywhere."""
        return self.emit("Expand", self.operand(number), self.extents(shape), shape=shape)

    # --- nodes ----------------------------------------------------------------------------------------------------

    def unary(self, op: str, x: Traced) -> Traced:
        """An element-wise function."""
        return self.emit(op, x, shape=x.shape)

    def binary(self, op: str, a: Operand, b: Operand) -> Traced:
        """An element-wise function of two operands, that broadcasts."""
        a, b = self.operand(a), self.operand(b)
        return self.emit(op, a, b, shape=broadcast(a.shape, b.shape))

    def emit(self, op: str, *inputs: Traced | None, shape: Shape, output: int = 0, **attrs: Any) -> Traced:
        """The node, or something simpler that says the same; an equal node is made once. `output` is the one wanted."""
        simpler = algebra.simplify(op, inputs, shape)
        if simpler is not None:
            return simpler
        key = (op, tuple(each and each.name for each in inputs), repr(sorted(attrs.items())), output)
        if key not in self._known:
            name = f"{self.scope}/{op}.{self._counts[self.scope, op]}"
            self._counts[self.scope, op] += 1
            names = [f"{name}/{i}" for i in range(output)] + [name]
            node = helper.make_node(op, [each.name if each else "" for each in inputs], names, name=name, **attrs)
            self._made[name] = node
            self._known[key] = Traced(self, name, shape, f"{op}.{output}" if output else op, inputs, attrs)
        return self._known[key]

    def needed(self, outputs: Iterable[str]) -> GraphProto:
        """The nodes and constants that `outputs` are computed from, in order, and the shapes of the images.

        Without a shape stated onnxruntime would not see that message and activation have the same number of rows,
        and would leave the blocked layout for every product of the two.
        """
        wanted, kept = set(outputs), []
        for name, node in reversed(self._made.items()):
            if name in wanted:
                wanted.update(node.input)
                kept.append(node)
        graph = GraphProto(node=kept[::-1])
        graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in wanted)
        images = (
            x for x in self._known.values() if x.op in IMAGES and x.ndim == 4 and not x.whole and x.name in wanted
        )
        for image in images:
            sizes = self.sizes(image.shape)
            graph.value_info.append(helper.make_tensor_value_info(image.name, TensorProto.FLOAT, sizes))
        return graph
