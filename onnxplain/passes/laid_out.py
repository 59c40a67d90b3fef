"""Scores are laid out as the file lays out its output, so that a class, a place or a neuron counts as it does there.

A detector computes l -> Sigmoid -> Reshape -> Transpose -> y, and its user counts anchors and classes in y. The head is
cut off before the Sigmoid; here its Reshape and Transpose are applied to l as well, and the result is the scores. A
model that takes them back stands before the head, so that the head still computes y.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, is_onnx
from onnxplain.passes.export import export

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import onnx

LAYOUTS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")
"""Operators that only lay out the elements anew."""

_OPEN = -1
_COPIED = 0


def laid_out(
    graph: gs.Graph, scores: gs.Tensor, output: gs.Tensor, passed: Collection[str]
) -> tuple[gs.Tensor, onnx.ModelProto | None] | None:
    """Return the scores in the layout of the output that a head computes from them, and the model that takes them back.

    passed: the operators of a head that changes nothing of the layout but by `LAYOUTS`. Where another operator is
    between the two, or the layouts are alike, the scores are returned as they are, with None.
    Returns None where the way back cannot be written down, since more than one length is open.
    """
    nodes = _between(scores, output, passed)
    deep = len(output.shape or ()) > 2
    if not any(node.op == "Transpose" for node in nodes) and not (deep and nodes):
        return scores, None
    back = _back(nodes)
    if back is None:
        return None
    edit, value = Editor(graph), scores
    for node in nodes:
        (before,) = node.outputs
        name = edit.fresh(f"{scores.name}/as in {output.name}")
        after = gs.Variable(name, scores.dtype, before.shape)
        graph.nodes.append(
            gs.Node(node.op, edit.fresh(f"{name}/{node.op}"), node.attrs, [value, *node.inputs[1:]], [after])
        )
        value = after
    return value, _model(value, scores, back, graph)


def _between(scores: gs.Tensor, output: gs.Tensor, passed: Collection[str]) -> list[gs.Node]:
    """Return the nodes of `LAYOUTS` between both, in order; none where another operator is among them."""
    found: list[gs.Node] = []
    value = output
    while value is not scores:
        node = value.inputs[0] if value.inputs else None
        if node is None or not is_onnx(node, *passed):
            return []
        if node.op in LAYOUTS:
            found.insert(0, node)
        value = node.inputs[0]
    return found


def _back(nodes: Sequence[gs.Node]) -> list[tuple[str, list[int]]] | None:
    """Return what undoes the nodes, in order: operator, and axes or shape. None where that is not known."""
    steps = []
    for node in reversed(nodes):
        before, after = node.inputs[0].shape, node.outputs[0].shape
        if node.op == "Transpose":
            if before is None:
                return None
            order = list(node.attrs.get("perm") or range(len(before))[::-1])
            steps.append(("Transpose", [order.index(axis) for axis in range(len(order))]))
            continue
        if before is None or after is None:
            return None
        alike = [i < len(after) and isinstance(n, str) and n == after[i] for i, n in enumerate(before)]
        sizes = [n if isinstance(n, int) else _COPIED if same else _OPEN for n, same in zip(before, alike, strict=True)]
        if sizes.count(_OPEN) > 1 or 0 in before:
            return None
        steps.append(("Reshape", sizes))
    return steps


def _model(
    laid: gs.Tensor, scores: gs.Tensor, steps: Sequence[tuple[str, list[int]]], like: gs.Graph
) -> onnx.ModelProto:
    """Return the model that applies the steps to the scores that are laid out anew, of the versions of `like`."""
    first, last = gs.Variable(laid.name, laid.dtype), gs.Variable(scores.name, scores.dtype)
    graph = gs.Graph([], [first], [last], opset=like.opset, ir_version=like.ir_version)
    edit, value = Editor(graph), first
    for i, (op, numbers) in enumerate(steps):
        after = last if i == len(steps) - 1 else gs.Variable(edit.fresh("back"), laid.dtype)
        if op == "Transpose":
            node = gs.Node(op, edit.fresh(f"{op} back"), {"perm": numbers}, [value], [after])
        else:
            shape = edit.constant(np.array(numbers, np.int64), "shape")
            node = gs.Node(op, edit.fresh(f"{op} back"), {}, [value, shape], [after])
        graph.nodes.append(node)
        value = after
    return export(graph)
