"""Leave out of a model what none of its outputs needs. onnxruntime would compute it in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.graph.check import nodes_of, subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx


def keep_needed(model: onnx.ModelProto, also: Iterable[str] = ()) -> None:
    """Remove nodes and initialisers that neither the outputs of a model nor the values `also` are computed from."""
    graph = model.graph
    wanted, kept = {each.name for each in graph.output} | set(also), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= read_names([node])
            kept.append(node)
    weights = [each for each in graph.initializer if each.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept[::-1])
    graph.initializer.extend(weights)


def read_names(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Return the names of what nodes and the nodes of their subgraphs read."""
    every = list(nodes_of(nodes))
    ends = (value.name for each in every for body in subgraphs(each) for value in body.output)
    return {name for each in every for name in each.input}.union(ends)
