"""Scores that the file has in integers only become floats, and integers again, so that they can be explained.

    QLinearSoftmax | ArgMax | an output (scores_q)   becomes   ... (QuantizeLinear(DequantizeLinear(scores_q)))

To dequantise and to quantise again gives the very integers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, is_float, is_onnx, redirect
from onnxplain.passes.quantised.operators import CARRIERS, operator_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ACTIVATIONS = ("QLinearSoftmax", "QLinearSigmoid")
"""Quantised operators of the last activation of a classifier."""

_DECIDING = ("ArgMax", "TopK", "Cast", "DequantizeLinear", *CARRIERS)


def float_scores(graph: gs.Graph, output: gs.Tensor) -> gs.Tensor:
    """Give the integer scores of an output their floats, where it has such; return the output as it is then."""
    value, asked = output, None
    while value.inputs:
        node = value.inputs[0]
        if node.op in ACTIVATIONS:
            return _insert(graph, output, node.inputs[0], node.inputs[1:3])
        known = operator_of(node)
        if node.op == "QuantizeLinear":
            asked = asked or (value, node.inputs[1:3])
        elif known is not None and known.output is not None and not is_float(value):
            asked = asked or (value, [node.inputs[i] for i in known.output if i < len(node.inputs)])
        if node.op != "QuantizeLinear" and not is_onnx(node, *_DECIDING):
            break
        value = node.inputs[0]
    softmax = value.inputs and value.inputs[0].op in ("Softmax", "LogSoftmax", "Sigmoid", "Hardmax")
    return output if asked is None or is_float(output) or softmax else _insert(graph, output, *asked)


def _insert(graph: gs.Graph, output: gs.Tensor, q: gs.Tensor, given: Sequence[gs.Tensor]) -> gs.Tensor:
    """Insert DequantizeLinear and QuantizeLinear behind the integers q. given: their scale and zero point."""
    edit, sides = Editor(graph), [each for each in given if each.name]
    floats = gs.Variable(edit.fresh(f"{q.name}/dequantised"), np.dtype(np.float32), q.shape)
    again = gs.Variable(edit.fresh(f"{q.name}/quantised"), q.dtype, q.shape)
    redirect(q, again)
    graph.nodes.append(gs.Node("DequantizeLinear", edit.fresh("dequantise scores"), {}, [q, *sides], [floats]))
    graph.nodes.append(gs.Node("QuantizeLinear", edit.fresh("quantise scores"), {}, [floats, *sides], [again]))
    graph.outputs = [again if value is q else value for value in graph.outputs]
    graph.toposort()
    if output is q:
        again.name, q.name = q.name, again.name
    return again if output is q else output
