"""MaxPool of quantised values, walked to the element that was the largest before it was rounded.

    file:    q -> MaxPool -> p -> DequantizeLinear -> value
    walked:  z -> FakeQuantize -> x -> MaxPool(x, unrounded z, value, step) -> y

Rounding makes equal what was not, and of equal elements the first would win. In a SqueezeNet in int8 a fifth of the
winners of the first pool are others than in the float network; that is half of what its gradient differs by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.graph.notes import note
from onnxplain.ops.quantise import CLIP, DOMAIN, POOL, RECTIFIER
from onnxplain.passes.edit import is_float, is_onnx, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.passes.quantised.walked import Walked

_TURNED = ("Transpose", "Identity")
"""Operators that put every element in another place, for whole values."""


def pool(walked: Walked, node: gs.Node) -> bool:
    """Walk a MaxPool by what its input was before it was rounded; return whether that is known."""
    if not is_onnx(node, "MaxPool") or len(node.outputs) > 1:
        return False
    x, result = walked[node.inputs[0]], node.outputs[0]
    quantiser = _quantiser(x)
    made = None if quantiser is None else quantiser.inputs[1].inputs[0]  # the integers, their scale and zero point
    step = None if made is None or made.op != "DequantizeLinear" else values_of(made.inputs[1])
    if quantiser is None or made is None or step is None or step.size > 1:
        return False
    note(node, "as MaxPool; of equal integers that one wins which was the largest before it was rounded")
    zero = made.inputs[2] if len(made.inputs) > 2 else None
    value = result if is_float(result) else walked.dequantised(result, made.inputs[1], zero, 0)
    unrounded = _unrounded(walked, x)
    output, name = walked.stand_in(result), walked.rename(node)
    inputs = [x, unrounded, value, walked.edit.constant(step.reshape(()), f"{name}/step")]
    walked.node(POOL, inputs, output, name, domain=DOMAIN, **node.attrs)
    walked.take(result, output, walked.quanta.get(id(node.inputs[0])), exact=True)
    return True


def _quantiser(value: gs.Tensor) -> gs.Node | None:
    """Return the node that rounds a value, as it is or before its elements are put elsewhere."""
    if not value.inputs:
        return None
    node: gs.Node = value.inputs[0]
    if node.domain == DOMAIN:
        return node if node.op in (CLIP, RECTIFIER) else None
    return _quantiser(node.inputs[0]) if is_onnx(node, *_TURNED) else None


def _unrounded(walked: Walked, value: gs.Tensor) -> gs.Tensor:
    """Return what a value was before it was rounded."""
    node = value.inputs[0]
    if node.domain == DOMAIN:
        source: gs.Tensor = node.inputs[0]
        return source
    output = walked.like(value, f"{value.name}/unrounded")
    return walked.node(node.op, [_unrounded(walked, node.inputs[0])], output, f"{node.name}/unrounded", **node.attrs)
