"""Traced values, on which an operation becomes an ONNX node, and the emitter that collects the nodes.

A traced value knows the node that makes it, so that `algebra` can simplify while the walk goes on. Nodes that nothing
reads in the end are left out. The values of the forward graph and its weights are traced values too; their nodes are in
the graph already.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from onnxplain.engines.onnxruntime import algebra
from onnxplain.engines.onnxruntime.gates import Comparison, Opposite
from onnxplain.engines.onnxruntime.shapes import Rows, Shape, broadcast
from onnxplain.errors import UnsupportedModelError
from onnxplain.ops.signs import Sign

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from onnxplain.arrays import Array

IMAGES = frozenset({"Conv", "ConvTranspose", "MaxPool", "HardSigmoid", "Relu", "Mul", "Add", "Reshape", "Resize"})
"""Operators that compute images from images, whose shape has to be stated; see `Emitter.needed`."""

WHOLE = frozenset({"Shape", "ArgMax", "Range", "MaxPool.1"})
"""Operators that give integers, as do sums, products and reshapes of them. MaxPool.1 is a MaxPool's second output."""

Operand: TypeAlias = "Traced | float | np.number[Any]"
"""A traced value or a number."""


class Traced:
    """A value of the graph that is being traced.

    name, shape: of the value. op, inputs, attrs: the node that makes it; `op` is "" for an input of the graph.
    number: its only element, for a constant of rank 0. constant: whether it is computed from constants only.
    sign: what is known of the sign of its elements. whole: whether its elements are integers, such as indices.
    """

    __array_ufunc__ = None  # so that NumPy, with one of its numbers on the left, leaves the operation to this class
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
        # computed here from what the inputs have computed before; on demand it would recurse through the whole graph
        self.constant: bool = op == "Constant" or (bool(inputs) and all(x is None or x.constant for x in inputs))
        self.sign: Sign = algebra.sign(self)
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

    def __eq__(self, other: Operand) -> Comparison:  # type: ignore[override]
        return Comparison("Equal", self, self.emitter.operand(other))

    def __ne__(self, other: Operand) -> Opposite:  # type: ignore[override]
        return Opposite(self == other)


class Emitter:
    """Collects the nodes and constants of a traced walk.

    batch_of: name of an input whose first axis is the rows. batch: name of the dimension that is the number of rows.
    scope: the first part of the names of the nodes that are emitted next. weights: the values of the constants of the
    graph, by name, for the bodies of recurrences.
    """

    def __init__(self, batch_of: str, batch: str = "N", scope: str = "explain") -> None:
        self.scope = self._stem = scope
        self.batch = batch
        self.weights: Mapping[str, Array] = {}
        self._batch_of = batch_of
        self._made: dict[str, NodeProto] = {}
        self._constants: dict[str, TensorProto] = {}
        self._known: dict[Hashable, Traced] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def sizes(self, shape: Shape) -> list[int | str]:
        """Return a shape as a model states it, with names for the lengths that grow with the batch."""
        names = {
            size: self.batch if size.each == 1 else f"{size.each}*{self.batch}"
            for size in shape
            if isinstance(size, Rows)
        }
        return [names[size] if isinstance(size, Rows) else size for size in shape]

    # --- constants ------------------------------------------------------------------------------------------------

    def operand(self, value: Operand) -> Traced:
        """Return a traced value as it is, and a number as a constant of rank 0."""
        return value if isinstance(value, Traced) else self.constant(np.asarray(value, np.float32))

    def constant(self, value: Array) -> Traced:
        """Return an array as a constant. Equal arrays share one constant."""
        key = (value.tobytes(), value.dtype.str, value.shape)
        if key not in self._known:
            name = f"{self._stem}/constant.{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(value, name)
            number = float(value) if value.ndim == 0 and value.dtype.kind == "f" else None
            self._known[key] = Traced(self, name, value.shape, "Constant", number=number)
            self._known[key].whole = value.dtype.kind != "f"
            self._known[key].sign = Sign(bool((value >= 0).all()), bool((value <= 0).all()))
        return self._known[key]

    def integers(self, values: Iterable[int]) -> Traced:
        """Return a vector of int64, for shapes, axes and indices. Raises UnsupportedModelError beyond its range."""
        try:
            return self.constant(np.array(list(values), np.int64))
        except OverflowError as problem:
            raise UnsupportedModelError("the model has a size or an index that no 64-bit number holds") from problem

    def extents(self, shape: Shape) -> Traced:
        """Return a shape as a vector of int64; where it grows with the batch, nodes compute it from an input."""
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
        """Return an array of this shape that is filled with one number."""
        return self.emit("Expand", self.operand(number), self.extents(shape), shape=shape)

    # --- nodes ----------------------------------------------------------------------------------------------------

    def unary(self, op: str, x: Traced) -> Traced:
        """Emit a function of one element."""
        return self.emit(op, x, shape=x.shape)

    def binary(self, op: str, a: Operand, b: Operand) -> Traced:
        """Emit a function of two elements, with broadcasting."""
        a, b = self.operand(a), self.operand(b)
        return self.emit(op, a, b, shape=broadcast(a.shape, b.shape))

    def emit(self, op: str, *inputs: Traced | None, shape: Shape, output: int = 0, **attrs: Any) -> Traced:
        """Emit a node and return its output number `output`, or something simpler that has the same value.

        Where an equal node has been emitted before, its output is returned.
        """
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

    def made(self, x: Traced) -> bool:
        """Whether the node that makes a value was emitted; that of a value of the forward graph was not."""
        return x.name in self._made

    def shapes(self) -> dict[str, Shape]:
        """Return the shapes of the values that the emitted nodes compute, by name."""
        return {each.name: each.shape for each in self._known.values()}

    def inside(self) -> Emitter:
        """Return an emitter for the body of a recurrence, under names that nothing else has."""
        self._counts["", "Scan"] += 1
        inner = Emitter(self._batch_of, self.batch, f"{self._stem}/Scan.{self._counts['', 'Scan']}")
        inner.weights = self.weights
        return inner

    def copy(self, value: Traced, name: str) -> str:
        """Emit a node that gives a value another name, and return that."""
        self._made[name] = helper.make_node("Identity", [value.name], [name], name=name)
        return name

    def several(self, node: NodeProto, shapes: Sequence[Shape]) -> list[Traced]:
        """Emit a node of several outputs, of these shapes, and return them."""
        self._made[node.output[0]] = node
        return [Traced(self, name, shape) for name, shape in zip(node.output, shapes, strict=True)]

    def needed(self, outputs: Iterable[str]) -> GraphProto:
        """Return the nodes and constants that `outputs` are computed from, in order, and the shapes of the images.

        Without these shapes onnxruntime would not see that a message and an activation have the same number of rows,
        and would leave its blocked layout (see `convolution`) for every product of the two.
        """
        wanted, kept = set(outputs), []
        for node in reversed(self._made.values()):
            if not wanted.isdisjoint(node.output):
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
