"""Nodes that return their input unchanged are dropped.

Such nodes are: Identity; Dropout in inference whose mask nobody reads; Cast to the type that the value has; Transpose
that keeps the order of the axes; a product with 1 and a sum with 0; Pad by nothing; Resize by the factor 1, without a
crop; Concat, Sum, Max, Min and Mean of one operand; and Reshape, Flatten, Squeeze, Unsqueeze, Expand and Tile whose
output is known to have the shape of the input. The first four of these keep the number of elements: where all sizes but
one agree, that one does, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of
from onnxplain.passes.linear import constant_side, neutral

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

_RESHAPES = {"Reshape": 1, "Flatten": 1, "Squeeze": 1, "Unsqueeze": 1, "Expand": 0, "Tile": 0}
"""Of how many axes the size may be unknown where all others keep theirs."""


def identities(graph: gs.Graph) -> int:
    """Drop the nodes that certainly return their input unchanged; return how many were dropped."""
    return rewrite(graph, _drop)


def _drop(edit: Editor, node: gs.Node) -> bool:
    if is_onnx(node, "Dropout") and _is_inference(node):
        while len(node.outputs) > 1:
            node.outputs.pop()
        return edit.bypass(node, node.inputs[0])
    return changes_nothing(node) and edit.bypass(node, node.inputs[0])


def _is_inference(node: gs.Node) -> bool:
    training = values_of(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2].name else np.array(False)
    mask_used = any(value.outputs for value in node.outputs[1:])
    return training is not None and not training.any() and not mask_used


def changes_nothing(node: gs.Node) -> bool:
    """Whether the only output of a node certainly has the values of its first input."""
    if not node.inputs or len(node.outputs) != 1 or not is_onnx(node, node.op):
        return False
    if node.op in _RESHAPES:
        return _same_shape(node.inputs[0], node.outputs[0], _RESHAPES[node.op])
    return node.op in _CHECKS and _CHECKS[node.op](node)


def _single(node: gs.Node) -> bool:
    return len(node.inputs) == 1


def _same_type(node: gs.Node) -> bool:
    dtype = numpy_dtype(node.inputs[0])
    return dtype is not None and dtype == numpy_dtype(node.outputs[0])


def _same_order(node: gs.Node) -> bool:
    return "perm" in node.attrs and list(node.attrs["perm"]) == sorted(node.attrs["perm"])


def _pads_nothing(node: gs.Node) -> bool:
    pads = values_of(node.inputs[1])
    return pads is not None and not pads.any()


def _keeps_size(node: gs.Node) -> bool:
    scales = values_of(node.inputs[2]) if len(node.inputs) == 3 and node.inputs[2].name else None
    crops = node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    return scales is not None and bool((scales == 1).all()) and len(scales) > 0 and not crops


def _neutral(node: gs.Node) -> bool:
    return constant_side(node)[0] is node.inputs[0] and neutral(node)


_CHECKS = dict.fromkeys(("Sum", "Max", "Min", "Mean", "Concat"), _single) | {
    "Identity": _single,
    "Cast": _same_type,
    "Transpose": _same_order,
    "Mul": _neutral,
    "Add": _neutral,
    "Pad": _pads_nothing,
    "Resize": _keeps_size,
}


def _same_shape(source: gs.Tensor, target: gs.Tensor, unknown: int) -> bool:
    """Whether two shapes are certainly the same: sizes agree by number or by name, those of `unknown` axes excepted.

    A number in the stead of an unknown size is what the node states, such as a single row, and is not the same.
    """
    if source.shape is None or target.shape is None or len(source.shape) != len(target.shape):
        return False
    apart = [(a, b) for a, b in zip(source.shape, target.shape, strict=True) if a != b or a in (None, "")]
    stated = any(isinstance(b, int) for _, b in apart)
    return not apart or (len(apart) <= unknown and not stated and 0 not in source.shape)
