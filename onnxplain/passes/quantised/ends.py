"""The quantisers of the scores themselves have no bounds: a score at the end of its range still has a gradient.

Ranges are calibrated on a few inputs, so that the score of a confident input often lies beyond, and is saturated. A
clip there would take the whole gradient away. Within the network it tells which units move; behind it nothing is left.
Such quantisers are those that the scores are read from, past rearrangements and sums with a constant.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.ops.quantise import CLIP, DOMAIN, RECTIFIER
from onnxplain.passes.edit import Editor, is_onnx

_PASSED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Add")


def free_scores(graph: gs.Graph) -> None:
    """Take the bounds of the quantisers of the scores away; of one that rectifies, the upper one."""
    edit, value = Editor(graph), graph.outputs[0]
    while value.inputs:
        node = value.inputs[0]
        if node.domain == DOMAIN and node.op == CLIP:
            node.inputs = [*node.inputs[:2], gs.Variable.empty(), gs.Variable.empty()]
        elif node.domain == DOMAIN and node.op == RECTIFIER:
            node.inputs = [*node.inputs[:3], edit.constant(np.float32(np.inf), f"{node.name}/high")]
        following = node.inputs[0] if node.domain == DOMAIN else _moving(node)
        if following is None or not (node.domain == DOMAIN or is_onnx(node, *_PASSED)):
            return
        value = following


def _moving(node: gs.Node) -> gs.Tensor | None:
    """Return the only input of a node that is no constant and none that is dequantised; None where there are more."""
    found = [value for value in node.inputs if value.name and not _is_constant(value)]
    return found[0] if len(found) == 1 else None


def _is_constant(value: gs.Tensor) -> bool:
    if isinstance(value, gs.Constant):
        return True
    return bool(value.inputs) and value.inputs[0].op == "DequantizeLinear" and _is_constant(value.inputs[0].inputs[0])
