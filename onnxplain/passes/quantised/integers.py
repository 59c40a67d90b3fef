"""What is walked in the place of a quantiser, a dequantiser, and an operator on integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.compute import run
from onnxplain.passes.edit import values_of
from onnxplain.passes.quantised.operators import Bias, Integers, Packed
from onnxplain.passes.quantised.quanta import Quanta, quanta_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.passes.quantised.operators import QuantisedOp, Source
    from onnxplain.passes.quantised.walked import Walked

_UINT8 = np.dtype(np.uint8)
_CLIPPED = "a clip to the range of its integers, of slope 1 within"


def quantise(walked: Walked, node: gs.Node) -> None:
    """QuantizeLinear: the floats that its integers stand for, walked as a clip of what it reads."""
    x, q = node.inputs[0], node.outputs[0]
    quanta = _of_node(node, numpy_dtype(q) or _UINT8)
    if quanta is None or isinstance(x, gs.Constant) or not (quanta.single or q.shape):
        return
    note(node, f"as {_CLIPPED}")
    value = walked.dequantised(q, node.inputs[1], _at(node, 2), quanta.axis)
    output, name = walked.stand_in(q), walked.rename(node)
    walked.take(q, walked.rounded(walked[x], value, output, name, quanta), quanta, exact=True)


def dequantise(walked: Walked, node: gs.Node) -> None:
    """DequantizeLinear: the floats that are walked in the place of its integers, or weights."""
    q, y = node.inputs[0], node.outputs[0]
    if isinstance(q, gs.Constant):
        floats = _weights(walked, node, q)
        if floats is not None:
            walked.take(y, walked.edit.constant(floats, f"{y.name}/walked"))
    elif q in walked:
        own = _of_node(node, numpy_dtype(q) or _UINT8)
        if own is not None and id(q) in walked.quanta and own.alike(walked.quanta[id(q)]):
            walked.take(y, walked.twin(q), exact=True)
            walked.call(q, y)


def carry(walked: Walked, node: gs.Node) -> None:
    """Pick elements of integers: the same ones of the floats that they stand for, where all have one scale."""
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
        elif value not in walked and numpy_dtype(value) == dtype:
            return
        inputs.append(walked[value])
    walked.again(node, inputs, quanta)


def compute(walked: Walked, node: gs.Node, known: QuantisedOp) -> None:
    """Compute with integers: the float operator on floats, then a clip to the range of the output's integers.

    Where the operator makes floats of integers, what it computes is not clipped.
    """
    attrs, result = known.attrs(node.attrs), node.outputs[0]
    inputs = [found for each in known.sources(node) if (found := _operand(walked, node, each)) is not None]
    scale, zero = (_at(node, i) for i in known.output or (len(node.inputs),) * 2)
    quanta = None if scale is None else quanta_of(scale, zero, 0, _type_read(node, known))
    if attrs is None or len(inputs) < len(known.sources(node)) or (scale is not None and quanta is None):
        return
    as_floats = f"as {known.op} on the floats that its integers stand for"
    note(node, as_floats if quanta is None else f"{as_floats}, then {_CLIPPED}")
    value = result if scale is None else walked.dequantised(result, scale, zero, 0)
    output, name = walked.stand_in(result), walked.rename(node)
    z = walked.node(known.op, inputs, walked.like(output, f"{output.name}/unrounded"), name, **attrs)
    if known.added is not None and (bias := _at(node, known.added)) is not None:
        z = walked.node("Add", [z, walked[bias]], walked.like(output, f"{output.name}/unrounded"), f"{name}/bias")
    walked.take(result, walked.rounded(z, value, output, f"{name}/quantiser", quanta), quanta, exact=True)


def _type_read(node: gs.Node, known: QuantisedOp) -> np.dtype[Any]:
    """Return the type of the integers that an operator reads, and makes where no zero point states another one."""
    first = next(each for each in known.sources(node) if isinstance(each, Integers))
    return numpy_dtype(node.inputs[first.values]) or _UINT8


def _operand(walked: Walked, node: gs.Node, source: Source) -> gs.Tensor | None:
    """Return an input of the float operator; None where it cannot be walked."""
    if isinstance(source, int):
        return walked[node.inputs[source]]
    if isinstance(source, Bias):
        return _bias(walked, node, node.inputs[source.values])
    return _unpacked(walked, node, source) if isinstance(source, Packed) else _floats(walked, node, source)


def _floats(walked: Walked, node: gs.Node, source: Integers) -> gs.Tensor | None:
    """Return what an input in integers stands for; None where that is not known."""
    value = node.inputs[source.values]
    constant = values_of(value)
    scale, zero = _at(node, source.scale), _at(node, source.zero)
    dtype = (constant.dtype if constant is not None else numpy_dtype(value)) or _UINT8
    quanta = quanta_of(scale, zero, source.axis(node.attrs), dtype)
    if scale is not None and walked.scales.get(id(value)) == (scale,):
        return walked[value]
    if quanta is None:
        return None
    if constant is not None:
        return walked.edit.constant(quanta.dequantised(constant), f"{value.name}/dequantised")
    return walked[value] if id(value) in walked.quanta and quanta.alike(walked.quanta[id(value)]) else None


def _bias(walked: Walked, node: gs.Node, value: gs.Tensor) -> gs.Tensor | None:
    """Return a bias as floats. Its scale is the product of those of the two sides, at positions 1 and 4."""
    constant, one, other = values_of(value), values_of(node.inputs[1]), values_of(node.inputs[4])
    if not value.name:
        return gs.Variable.empty()
    if constant is None or one is None or other is None:
        return None
    product = one.astype(np.float32) * other.astype(np.float32)
    return walked.edit.constant((constant * product).astype(np.float32), f"{value.name}/dequantised")


def _unpacked(walked: Walked, node: gs.Node, source: Packed) -> gs.Tensor | None:
    """Return packed weights as a matrix in floats; None where they are computed."""
    others = node.inputs[1:5]
    if any(not isinstance(each, gs.Constant) for each in others if each.name):
        return None
    identity = gs.Constant("identity", np.eye(node.attrs[source.size], dtype=np.float32))
    found = _run(walked, node, [identity, *others])
    return None if found is None else walked.edit.constant(found, f"{node.name}/weights")


def _weights(walked: Walked, node: gs.Node, q: gs.Constant) -> Array | None:
    """Return what a DequantizeLinear makes of weights; None where it cannot be computed."""
    quanta = _of_node(node, q.values.dtype)
    return _run(walked, node, node.inputs) if quanta is None else quanta.dequantised(q.values)


def _run(walked: Walked, node: gs.Node, inputs: Sequence[gs.Tensor]) -> Array | None:
    """Return what onnxruntime computes of constants with the operator of a node, in float32 throughout."""
    exact = {name: value for name, value in node.attrs.items() if name != "accuracy_level"}
    alone = gs.Node(node.op, "alone", exact, inputs, [gs.Variable("result")], domain=node.domain)
    found = run([alone], walked.edit.graph)
    alone.inputs.clear()
    return None if found is None or found[0] is None else found[0][0]


def _at(node: gs.Node, position: int) -> gs.Tensor | None:
    """Return the input at a position; None where it is left out."""
    value = node.inputs[position] if position < len(node.inputs) else None
    return None if value is None or not value.name else value


def _of_node(node: gs.Node, dtype: np.dtype[Any]) -> Quanta | None:
    """Return the quanta of a QuantizeLinear or a DequantizeLinear."""
    if node.attrs.get("block_size", 0):
        return None
    return quanta_of(node.inputs[1], _at(node, 2), node.attrs.get("axis", 1), dtype)
