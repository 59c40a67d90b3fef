"""What is walked in the place of a quantiser, a dequantiser, and an operator on integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import values_of
from onnxplain.passes.quantised.operators import Bias, Integers
from onnxplain.passes.quantised.quanta import Quanta, quanta_of

if TYPE_CHECKING:
    from onnxplain.passes.quantised.operators import QuantisedOp, Source
    from onnxplain.passes.quantised.walked import Walked

_UINT8 = np.dtype(np.uint8)
_CLIPPED = "as a clip to the range of its integers, with the slope 1 within"


def quantise(walked: Walked, node: gs.Node) -> None:
    """QuantizeLinear: the floats that its integers stand for, walked as a clip of what it reads."""
    x, q = node.inputs[0], node.outputs[0]
    quanta = _of_node(node, numpy_dtype(q) or _UINT8)
    if quanta is None or isinstance(x, gs.Constant):
        return
    note(node, _CLIPPED)
    value = _value(walked, q, node, (1, 2), quanta)
    output, name = walked.stand_in(q), walked.rename(node)
    walked.take(q, walked.rounded(walked[x], value, output, name, quanta), quanta, exact=True)


def dequantise(walked: Walked, node: gs.Node) -> None:
    """DequantizeLinear: the floats that are walked in the place of its integers, or weights.

    Floats that it makes of an input in integers are walked as they are.
    """
    q, y = node.inputs[0], node.outputs[0]
    if isinstance(q, gs.Constant):  # once more, so that it is folded although the file's own one stays
        inputs = list(node.inputs)
        output = walked.like(y, f"{y.name}/walked")
        walked.edit.new.append(
            gs.Node(node.op, walked.edit.fresh(f"{node.name}/walked"), dict(node.attrs), inputs, [output], node.domain)
        )
        walked.take(y, output)
    elif q in walked:
        own = _of_node(node, numpy_dtype(q) or _UINT8)
        if own is not None and own.alike(walked.quanta[id(q)]):
            walked.take(y, walked[q], exact=True)


def carry(walked: Walked, node: gs.Node) -> None:
    """Pick elements of integers: the same of the floats that they stand for, where all have one scale and zero point."""
    found = [walked.quanta[id(value)] for value in node.inputs if id(value) in walked.quanta]
    quanta = found[0]
    if not quanta.single or not all(quanta.alike(each) for each in found[1:]):
        return
    dtype = numpy_dtype(next(value for value in node.inputs if id(value) in walked.quanta)) or quanta.zero.dtype
    inputs = []
    for value in node.inputs:
        constant = values_of(value)
        if constant is not None and constant.dtype == dtype:
            value = walked.edit.constant(quanta.dequantised(constant), f"{value.name}/dequantised")  # noqa: PLW2901
        inputs.append(walked[value])
    attrs, outputs = dict(node.attrs), []
    for value in node.outputs:
        if value.name:
            walked.take(value, walked.stand_in(value), quanta, exact=True)
        outputs.append(walked[value])
    walked.edit.new.append(gs.Node(node.op, walked.rename(node), attrs, inputs, outputs))


def compute(walked: Walked, node: gs.Node, known: QuantisedOp) -> None:
    """Compute with integers: the float operator on floats, then a clip to the range of its output."""
    attrs = known.attrs(node.attrs)
    inputs = [_operand(walked, node, each) for each in known.sources(node)]
    q = node.outputs[0]
    scale, zero = (_at(node, i) for i in known.output) if known.output else (None, None)
    quanta = quanta_of(scale, zero, 0, _UINT8)
    if attrs is None or quanta is None or any(each is None for each in inputs):
        return
    note(node, f"as {known.op} on the floats that its integers stand for, then {_CLIPPED.removeprefix('as ')}")
    value = _value(walked, q, node, known.output, quanta)
    output, name = walked.stand_in(q), walked.rename(node)
    z = walked.node(known.op, inputs, walked.like(output, f"{output.name}/unrounded"), name, **attrs)
    rounded = walked.rounded(z, value, output, f"{name}/quantiser", quanta)
    walked.take(q, rounded, quanta, exact=True)


def _operand(walked: Walked, node: gs.Node, source: Source) -> gs.Tensor | None:
    """Return an input of the float operator; None where it cannot be walked."""
    if isinstance(source, int):
        return walked[node.inputs[source]]
    value = node.inputs[source.values]
    if isinstance(source, Bias):
        return _bias(walked, node, value)
    constant = values_of(value)
    scale, zero = _at(node, source.scale), _at(node, source.zero)
    dtype = (constant.dtype if constant is not None else numpy_dtype(value)) or _UINT8
    quanta = quanta_of(scale, zero, source.axis(node.attrs), dtype)
    if quanta is None:
        return None
    if constant is not None:
        return walked.edit.constant(quanta.dequantised(constant), f"{value.name}/dequantised")
    if value in walked:
        return walked[value] if quanta.alike(walked.quanta[id(value)]) else None
    return _input(walked, node, source, value)


def _input(walked: Walked, node: gs.Node, source: Integers, value: gs.Tensor) -> gs.Tensor:
    """Return the floats that an input in integers stands for, of which the operator reads the integers again."""
    scale, zero = _at(node, source.scale), _at(node, source.zero)
    floats = walked.dequantised(value, scale, zero, 1)
    again = gs.Variable(walked.edit.fresh(f"{value.name}/quantised"), value.dtype, value.shape)
    inputs = [floats, scale, *([] if zero is None else [zero])]
    node.inputs[source.values] = walked.node("QuantizeLinear", inputs, again, f"{value.name}/quantised")
    return floats


def _bias(walked: Walked, node: gs.Node, value: gs.Tensor) -> gs.Tensor | None:
    """Return a bias as floats. Its scale is the product of those of the two sides, at positions 1 and 4."""
    constant, scales = values_of(value), [values_of(node.inputs[i]) for i in (1, 4)]
    if not value.name:
        return gs.Variable.empty()
    if constant is None or any(each is None for each in scales):
        return None
    product = scales[0].astype(np.float32) * scales[1].astype(np.float32)
    return walked.edit.constant((constant * product).astype(np.float32), f"{value.name}/dequantised")


def _value(walked: Walked, q: gs.Tensor, node: gs.Node, at: tuple[int, int], quanta: Quanta) -> gs.Variable:
    """Return the floats that integers of the file stand for; the positions are of their scale and zero point."""
    return walked.dequantised(q, _at(node, at[0]), _at(node, at[1]), quanta.axis)


def _at(node: gs.Node, position: int) -> gs.Tensor | None:
    """Return the input at a position; None where it is left out."""
    value = node.inputs[position] if position < len(node.inputs) else None
    return None if value is None or not value.name else value


def _of_node(node: gs.Node, dtype: np.dtype[Any]) -> Quanta | None:
    """Return the quanta of a QuantizeLinear or a DequantizeLinear."""
    if node.attrs.get("block_size", 0):
        return None
    return quanta_of(node.inputs[1], _at(node, 2), node.attrs.get("axis", 1), dtype)
