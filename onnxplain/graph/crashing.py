"""What crashes native code although the rules of ONNX allow it: some values of attributes, and a gap behind the inputs.

It was found by trying all operators of ONNX's own node tests with numbers of all sizes, with inputs of other ranks and
types, and without some of them, in onnx's shape inference and in a new session of onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

_AXES = 64
"""The most axes that an array has; an axis is counted from the front, or from behind below 0."""


def without_trailing_gaps(nodes: Iterable[onnx.NodeProto]) -> None:
    """Leave out inputs without a name behind the last one that has one, which changes nothing.

    A new session of onnxruntime crashes at a LayerNormalization whose bias is left out by such an input.
    """
    for node in nodes:
        while node.input and node.input[-1] == "":
            del node.input[-1]


def crashes(node: onnx.NodeProto) -> str:
    """Return which attribute of a node has a value that crashes native code, or "".

    These are an axis that no input has for the inference of LayerNormalization, and for both of them fewer batch axes
    than none for GatherND, and fewer parts than outputs for Split.
    """
    given = {each.name: int(each.i) for each in node.attribute}
    if not -_AXES <= given.get("axis", 0) < _AXES:
        return f"axis {given['axis']}: no value has so many axes"
    if node.op_type == "GatherND" and given.get("batch_dims", 0) < 0:
        return f"batch_dims {given['batch_dims']}: expected 0 or more"
    if node.op_type == "Split" and given.get("num_outputs", len(node.output)) < len(node.output):
        return f"num_outputs {given['num_outputs']}, and it has {len(node.output)} outputs"
    return ""
