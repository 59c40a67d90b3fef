"""Columns that a file stacks on one another and turns around stand side by side.

    [N, 1], [N, 1], ... -> Concat along axis 0 -> Reshape to [k, N] -> Transpose        Concat along axis 1, [N, k]

Both compute the same, and in the second form it is seen that the rows stay apart. skl2onnx writes the scores of a
quadratic discriminant analysis so, of one column for each class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, producer, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def stacked(graph: gs.Graph) -> int:
    """Put stacked columns side by side; return how many stacks were replaced."""
    return rewrite(graph, _rewrite)


def _rewrite(_edit: Editor, node: gs.Node) -> bool:
    reshape = producer(node.inputs[0], "Reshape") if is_onnx(node, "Transpose") else None
    stack = producer(reshape.inputs[0], "Concat") if reshape is not None else None
    if reshape is None or stack is None or stack.attrs.get("axis", 0) not in (0, -2):
        return False
    sizes, count = values_of(reshape.inputs[1]), len(stack.inputs)
    if sizes is None or sizes.tolist() != [count, -1] or list(node.attrs.get("perm", (1, 0))) != [1, 0]:
        return False
    if any(len(each.shape or ()) != 2 or (each.shape or ())[1] != 1 for each in stack.inputs):
        return False
    node.op, node.inputs, node.attrs = "Concat", list(stack.inputs), {"axis": 1}
    return True
