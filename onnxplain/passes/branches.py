"""An If node whose condition is constant is replaced by the nodes of the branch that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def branches(graph: gs.Graph) -> int:
    """Replace each If node that has a constant condition, nested ones too; return how many there were."""
    changed, total = -1, 0
    while changed:
        changed = rewrite(graph, _inline)
        total += changed
    return total


def _inline(edit: Editor, node: gs.Node) -> bool:
    condition = values_of(node.inputs[0]) if is_onnx(node, "If") else None
    if condition is None:
        return False
    branch = node.attrs["then_branch" if condition.all() else "else_branch"]
    for inner in branch.nodes:
        inner.name = edit.fresh(f"{node.name}/{inner.name or inner.op}")
        for value in inner.outputs:
            if value.name:
                value.name = edit.fresh(f"{node.name}/{value.name}")
    edit.new += branch.nodes
    for value, result in zip(list(node.outputs), list(branch.outputs), strict=True):
        edit.add("Identity", [result], f"{node.name}/result", output=value)
    node.outputs.clear()
    return True
