"""What no output of the graph needs is removed: nodes, constants, graph inputs, and unread outputs of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from collections.abc import Iterator


def unused(graph: gs.Graph) -> int:
    """Remove what no output needs; return how many nodes and graph inputs were removed."""
    before = len(graph.nodes) + len(graph.inputs)
    cleanup(graph)
    read = {id(value) for value in (*graph.outputs, *_subgraph_results(graph))}
    for node in graph.nodes:
        _trim(node, read, graph.opset)
    return before - len(graph.nodes) - len(graph.inputs)


def cleanup(graph: gs.Graph) -> None:
    """Remove the nodes and the inputs of a graph that no output needs. The inputs of a subgraph all stay.

    If, Loop and Scan pass values to their bodies by position, whether a body reads them or not.
    """
    bodies = [(body, list(body.inputs)) for body in graph.subgraphs(recursive=True)]
    graph.cleanup(remove_unused_graph_inputs=True, recurse_functions=False)
    for body, inputs in bodies:
        body.inputs = inputs


def _subgraph_results(graph: gs.Graph) -> Iterator[gs.Tensor]:
    """Yield the outputs of all subgraphs, which no node lists among its inputs."""
    for each in graph.subgraphs(recursive=True):
        yield from each.outputs


def _trim(node: gs.Node, read: set[int], opset: int) -> None:
    """Remove the optional outputs of a node that nobody reads.

    Outputs are known by their position, so an unread one becomes an empty value; at the end of the list it is dropped.
    A BatchNormalization in training has to have all of its outputs.
    """
    if node.attrs.get("training_mode") and node.op == "BatchNormalization":
        return
    if node.domain not in (None, "", "ai.onnx") or not onnx.defs.has(node.op):
        return
    unread = [i for i, value in enumerate(node.outputs) if value.name and not value.outputs and id(value) not in read]
    formal = onnx.defs.get_schema(node.op, opset).outputs if unread else ()  # looking up a schema is slow
    for i in unread:
        if formal[min(i, len(formal) - 1)].option is onnx.defs.OpSchema.FormalParameterOption.Optional:
            node.outputs[i] = gs.Variable.empty()
    while len(node.outputs) > 1 and not node.outputs[-1].name:
        node.outputs.pop()
