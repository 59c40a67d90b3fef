"""Every node gets a name, and no two nodes share one: plans, messages and composites speak of nodes by name.

Tensors need no renaming: one name is one tensor in ONNX, and an empty name is an optional value left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def names(graph: gs.Graph) -> int:
    """Name the unnamed nodes after what they compute, and number the repeated ones."""
    taken: set[str] = set()
    graphs = [graph, *graph.subgraphs(recursive=True)]
    return sum(_name(node, taken) for each in graphs for node in each.nodes)


def _name(node: gs.Node, taken: set[str]) -> bool:
    stem = node.name or f"{node.op} {next((value.name for value in node.outputs if value.name), '')}".strip()
    name, i = stem, 1
    while name in taken:
        name, i = f"{stem}_{i}", i + 1
    taken.add(name)
    before, node.name = node.name, name
    return bool(before != name)
