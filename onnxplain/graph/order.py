"""The order of a graph's nodes."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError
from onnxplain.graph.check import subgraphs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx


def ordered(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return nodes with each behind those that make its inputs. Runtimes accept other orders; shape inference does not.

    Raises `BadInputError` where the nodes form a cycle.
    """
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    needs = {i: {producer[name] for name in _reads(node) if name in producer} for i, node in enumerate(nodes)}
    if all(max(before, default=-1) < i for i, before in needs.items()):
        return list(nodes)
    try:
        return [nodes[i] for i in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        names = ", ".join(repr(nodes[i].name or nodes[i].output[0]) for i in error.args[1][:4])
        raise BadInputError(f"the nodes {names} read one another's outputs in a cycle: the file is damaged") from error


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names of all values that a node reads, those that its subgraphs read from outside included."""
    yield from node.input
    for graph in subgraphs(node):
        own = {each.name for each in (*graph.input, *graph.initializer)}
        own |= {name for inner in graph.node for name in inner.output}
        read = (*(each.name for each in graph.output), *(name for inner in graph.node for name in _reads(inner)))
        yield from (name for name in read if name not in own)
