"""Tokens that are turned before they are looked up in a table are looked up first, and turned then.

    T[transpose(ids, p)]  =  transpose(T[ids], p, k, k + 1 ...)   with ids of k axes, behind which are those of an entry

So the embedding that is attributed to has the axes of the ids. XLNet computes with time first, rows second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_float, is_onnx, producer, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def turned_lookups(graph: gs.Graph) -> int:
    """Look up before turning; return how many lookups changed."""
    return rewrite(graph, _turn_behind)


def _turn_behind(edit: Editor, node: gs.Node) -> bool:
    table = values_of(node.inputs[0]) if is_onnx(node, "Gather") and is_float(node.inputs[0]) else None
    turn = producer(node.inputs[1], "Transpose") if table is not None and node.attrs.get("axis", 0) == 0 else None
    if table is None or turn is None or "perm" not in turn.attrs:
        return False
    order = list(turn.attrs["perm"])
    ids, entry = turn.inputs[0], range(len(order), len(order) + table.ndim - 1)
    found = edit.add("Gather", [node.inputs[0], ids], f"{node.name}/straight", like=node.outputs[0], axis=0)
    node.op, node.inputs, node.attrs = "Transpose", [found], {"perm": [*order, *entry]}
    return True
