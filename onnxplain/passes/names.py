"""Every node gets a name of its own, since plans, selectors and error messages refer to nodes by their names.

Tensors need no new names: in ONNX every tensor has a name of its own, and an empty name stands for an optional input or
output that is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.graph.naming import Names

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def names(graph: gs.Graph) -> int:
    """Name nodes without a name after their output, and number repeated names; return how many names changed."""
    taken = Names()
    graphs = [graph, *graph.subgraphs(recursive=True)]
    return sum(_name(node, taken) for each in graphs for node in each.nodes)


def _name(node: gs.Node, taken: Names) -> bool:
    stem = node.name or f"{node.op} {next((value.name for value in node.outputs if value.name), '')}".strip()
    before, node.name = node.name, taken.fresh(stem)
    return bool(before != node.name)
