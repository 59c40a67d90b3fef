"""A Mul or Add with a constant is folded into the node that computes its other operand.

    Conv, ConvTranspose, Gemm -> Mul, Add    folded into weight and bias, if there is one number per output channel
    MatMul -> Mul                            folded into the weight, likewise
    Mul -> Mul, Add -> Add                   x · (c₁ c₂), x + (c₁ + c₂)
    Add -> Mul                               (x + c) · a = x a + c a: they change places, so that the Mul may be folded
    x · 1, x + 0                             x

Nothing is folded where another node reads the value in between, or where it is a graph output. Nor is a constant folded
that might enlarge this value by broadcasting: along an axis of unknown size, the constant must have size 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.edit import is_onnx, rewrite
from onnxplain.passes.linear import absorb, channels, constant_side, keeps_shape, neutral, only_producer, per_channel

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.passes.edit import Editor
    from onnxplain.passes.linear import Values


def fold_affine(graph: gs.Graph) -> int:
    """Fold constant factors and terms; return how many nodes were folded or changed places."""
    return rewrite(graph, _fold)


def _fold(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Mul", "Add"):
        return False
    x, values = constant_side(node)
    if values is None:
        return False
    return (
        (neutral(node) and edit.bypass(node, x))
        or _into_linear(edit, node, x, values)
        or _into_constant(edit, node, x, values)
    )


def _into_linear(edit: Editor, node: gs.Node, x: gs.Tensor, values: Values) -> bool:
    """Fold a constant into the weight and bias of the linear node that computes x."""
    linear = only_producer(edit, x, "Conv", "ConvTranspose", "Gemm", "MatMul")
    found = channels(linear) if linear else None
    if linear is None or found is None:
        return False
    count, axis = found
    rank = {"Gemm": 2, "MatMul": len(x.shape or (1,))}.get(linear.op, 1 - axis)
    k = per_channel(values, count, rank, axis)
    if k is None:
        return False
    a, c = (k, np.zeros(count)) if node.op == "Mul" else (np.ones(count), k)
    return absorb(edit, linear, a, c) and edit.bypass(node, x)


def _into_constant(edit: Editor, node: gs.Node, x: gs.Tensor, values: Values) -> bool:
    """Fold a constant into that of the Mul or Add that computes x; let an Add and a Mul behind it change places."""
    step = only_producer(edit, x, "Mul", "Add")
    source, inner = constant_side(step) if step else (x, None)
    if step is None or inner is None or (step.op, node.op) == ("Mul", "Add"):
        return False
    both = inner + values if node.op == "Add" else inner * values
    if not keeps_shape(source, both.shape) or both.size > max(inner.size, values.size):
        return False
    if step.op == node.op:
        step.inputs = [source, edit.constant(both, step.name or step.op)]
        return edit.bypass(node, x)
    step.op, step.name, node.op, node.name = node.op, node.name, step.op, step.name
    step.inputs = [source, edit.constant(values, step.name or step.op)]
    node.inputs = [x, edit.constant(both, node.name or node.op)]
    return True
