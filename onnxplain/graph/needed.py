"""Leave out of a model what none of its outputs needs. onnxruntime would compute it in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.graph.check import nodes_of, subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import onnx


def keep_needed(model: onnx.ModelProto, also: Iterable[str] = ()) -> None:
    """Remove nodes and initialisers that neither the outputs of a model nor the values `also` are computed from."""
    graph = model.graph
    wanted, kept = {each.name for each in graph.output} | set(also), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted.update(_read_by(node))
            kept.append(node)
    weights = [each for each in graph.initializer if each.name in wanted]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept[::-1])
    graph.initializer.extend(weights)


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names of what a node and the nodes of its subgraphs read."""
    for each in nodes_of([node]):
        yield from each.input
        for body in subgraphs(each):
            yield from (value.name for value in body.output)
