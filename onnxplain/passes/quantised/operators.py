"""Facts about quantised operators: which float operator each computes of dequantised values.

The inputs of a quantised operator come in groups: integers with their scale and their zero point. To add an operator is
to state the float operator, and for each of its inputs where the quantised one has it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx_graphsurgeon as gs


@dataclass(frozen=True)
class Integers:
    """An input in integers: the positions of the values, of their scale, and of their zero point.

    axis: along which a scale of several elements lies, as a function of the attributes.
    """

    values: int
    scale: int
    zero: int
    axis: Callable[[Mapping[str, Any]], int] = field(default=lambda _: 0, repr=False)


@dataclass(frozen=True)
class Bias:
    """A bias in integers without a scale of its own: it is in units of the product of the scales of the two sides."""

    values: int


@dataclass(frozen=True)
class Packed:
    """Weights that only the operator itself can unpack: what it makes of the identity, without its bias.

    size: name of the attribute that says how many rows the weights have.
    """

    values: int
    size: str


Source: TypeAlias = "Integers | Bias | Packed | int"
"""Where an input of the float operator is; a number is the position of an input that is taken as it is."""


@dataclass(frozen=True)
class QuantisedOp:
    """A quantised operator.

    op: the float operator. inputs: its inputs in order, or a function of the node that returns them. output: the
    positions of the scale and the zero point of the output; without one, the output holds floats.
    attrs: returns the attributes of the float operator, or None where none computes the same; by default they are those
    of the node. added: the position of a bias in floats, which is added to what the float operator gives.
    """

    op: str
    inputs: tuple[Source, ...] | Callable[[gs.Node], tuple[Source, ...]]
    output: tuple[int, int] | None
    attrs: Callable[[Mapping[str, Any]], dict[str, Any] | None] = dict
    added: int | None = None

    def sources(self, node: gs.Node) -> tuple[Source, ...]:
        """Return where the inputs of the float operator are, those left out at the end of the node included."""
        given = self.inputs(node) if callable(self.inputs) else self.inputs
        return tuple(each for each in given if _position(each) < len(node.inputs))


def _position(source: Source) -> int:
    return source if isinstance(source, int) else source.values


def _last(_: Mapping[str, Any]) -> int:
    return -1


def _columns(attrs: Mapping[str, Any]) -> int:
    """Return the axis of the columns of the second matrix of a Gemm."""
    return 0 if attrs.get("transB", 0) else 1


def _channels_first(attrs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the attributes without `channels_last`; None where the channels are last."""
    return None if attrs.get("channels_last", 0) else {name: v for name, v in attrs.items() if name != "channels_last"}


def _none(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return no attributes: those of the node say how its weights are packed."""
    return {}


def _over_one_axis(attrs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the axis of a Softmax; None where it is of an opset that takes all axes behind it together."""
    axis = attrs.get("axis", -1)
    return {"axis": axis} if attrs.get("opset", 13) >= 13 or axis == -1 else None


def _parts(node: gs.Node) -> tuple[Source, ...]:
    """Return the parts of a QLinearConcat, which follow the scale and the zero point of its output."""
    return tuple(Integers(i, i + 1, i + 2) for i in range(2, len(node.inputs), 3))


_A, _B = Integers(0, 1, 2), Integers(3, 4, 5)

OPERATORS: dict[tuple[str, str], QuantisedOp] = {
    ("", "QLinearConv"): QuantisedOp("Conv", (_A, _B, Bias(8)), (6, 7)),
    ("", "QLinearMatMul"): QuantisedOp("MatMul", (_A, Integers(3, 4, 5, _last)), (6, 7)),
    ("com.microsoft", "QGemm"): QuantisedOp("Gemm", (_A, Integers(3, 4, 5, _columns), Bias(6)), (7, 8)),
    ("com.microsoft", "QLinearAdd"): QuantisedOp("Add", (_A, _B), (6, 7)),
    ("com.microsoft", "QLinearMul"): QuantisedOp("Mul", (_A, _B), (6, 7)),
    ("com.microsoft", "QLinearConcat"): QuantisedOp("Concat", _parts, (0, 1)),
    ("com.microsoft", "QLinearWhere"): QuantisedOp("Where", (0, Integers(1, 2, 3), Integers(4, 5, 6)), (7, 8)),
    ("com.microsoft", "QLinearLeakyRelu"): QuantisedOp("LeakyRelu", (_A,), (3, 4)),
    ("com.microsoft", "QLinearSigmoid"): QuantisedOp("Sigmoid", (_A,), (3, 4)),
    ("com.microsoft", "QLinearSoftmax"): QuantisedOp("Softmax", (_A,), (3, 4), _over_one_axis),
    ("com.microsoft", "QLinearAveragePool"): QuantisedOp("AveragePool", (_A,), (3, 4), _channels_first),
    ("com.microsoft", "QLinearGlobalAveragePool"): QuantisedOp("GlobalAveragePool", (_A,), (3, 4), _channels_first),
    ("com.microsoft", "DynamicQuantizeMatMul"): QuantisedOp("MatMul", (0, Integers(1, 2, 3, _last)), None, added=4),
    ("com.microsoft", "MatMulIntegerToFloat"): QuantisedOp(
        "MatMul", (Integers(0, 2, 4), Integers(1, 3, 5, _last)), None, added=6
    ),
    ("com.microsoft", "MatMulNBits"): QuantisedOp("MatMul", (0, Packed(1, "K")), None, _none, added=5),
}
"""All quantised operators by domain and name."""


def operator_of(node: gs.Node) -> QuantisedOp | None:
    """Return the facts about a node; None where it is no quantised operator."""
    return OPERATORS.get(("" if node.domain in (None, "ai.onnx") else str(node.domain), node.op))


CARRIERS = frozenset(
    {
        *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "GatherElements"),
        *("GatherND", "Concat", "Split", "Pad", "Expand", "Tile", "DepthToSpace", "SpaceToDepth", "Compress", "Where"),
        *("MaxPool", "Max", "Min", "ReduceMax", "ReduceMin", "Clip"),
    }
)
"""Operators that hand on elements of what they read. On integers and on the floats that these stand for, of one scale
and one zero point, they do the same."""
