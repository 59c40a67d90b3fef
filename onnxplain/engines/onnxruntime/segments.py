"""Cutting a traced walk into parts that run one after another, so that fewer values are alive at once.

The forward nodes are cut, in their order, into segments 1 to k. Part 0 runs forward, and gives out only the values that
cross a cut. Then, from the last segment to the first, the part of a segment runs its forward nodes once more, from what
crosses the cut before it, and walks back through them. Alive at once are the values of one segment and those that cross
a cut, for the time of one more forward run (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import onnx

from onnxplain.engines.onnxruntime.joint import WALK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from onnx import NodeProto


def forward_nodes(model: onnx.ModelProto) -> list[NodeProto]:
    """Return the nodes of a traced walk that run forward."""
    return [node for node in model.graph.node if not node.name.startswith(WALK)]


def split(
    model: onnx.ModelProto, cuts: Sequence[int], values: Mapping[str, onnx.ValueInfoProto]
) -> list[onnx.ModelProto]:
    """Return the parts of a traced walk, in the order in which they run.

    cuts: for each segment but the first, the index of its first node among those that run forward, in rising order.
    values: types and shapes of the values, by name.
    A part takes inputs of the model and outputs of the parts before it.
    """
    places = _Places(model, cuts)
    wanted: dict[int, set[str]] = defaultdict(set)
    for each in model.graph.output:
        wanted[places.part_of(each.name)].add(each.name)
    parts = []
    for number in (*range(1, len(cuts) + 2), 0):  # each asks for values of those that run before it
        nodes = places.nodes_for(wanted[number], number)
        parts.append(_part(model, nodes, wanted[number], values))
        for each in parts[-1].graph.input:
            if each.name in places.made:
                wanted[places.part_of(each.name)].add(each.name)
    return [part for part in reversed(parts) if part.graph.node]


class _Places:
    """In which part the values of a traced walk are made.

    made: names of all that nodes make. A value of the walk is made in the part of the lowest number of all that it
    depends on, since that runs last; one that depends on constants, inputs and what crosses a cut, wherever it is read.
    """

    def __init__(self, model: onnx.ModelProto, cuts: Sequence[int]) -> None:
        self._nodes = list(model.graph.node)
        self.made = {name for node in self._nodes for name in node.output}
        forward = forward_nodes(model)
        self._last = len(cuts) + 1
        self._segment = {
            name: 1 + sum(i >= cut for cut in cuts) for i, node in enumerate(forward) for name in node.output
        }
        self._crossing = {
            name
            for node in forward
            for name in node.input
            if self._segment.get(name, self._last) < self._segment[node.output[0]]
        }
        self._part: dict[str, int] = {}
        for node in self._nodes:
            own = self._segment.get(node.output[0])
            found = [self._part[name] for name in node.input if name in self._part] if own is None else [own]
            if found:
                self._part.update((name, min(found)) for name in node.output if name not in self._crossing)

    def part_of(self, name: str) -> int:
        """Return the number of the part that gives a value to others: 0 for one that crosses a cut."""
        return 0 if name in self._crossing else self._part.get(name, self._last)

    def nodes_for(self, names: Iterable[str], part: int) -> list[NodeProto]:
        """Return the nodes, in order, by which a part makes these values from those that it is given."""
        wanted, nodes = set(names), []
        for node in reversed(self._nodes):
            if not wanted.isdisjoint(node.output) and self._is_run(node.output[0], part):
                wanted.update(node.input)
                nodes.append(node)
        return nodes[::-1]

    def _is_run(self, name: str, part: int) -> bool:
        """Return whether a part makes a value, rather than take it from another part."""
        segment = self._segment.get(name)
        if segment is None:
            return self._part.get(name, part) == part
        return part in (0, segment)


def _part(
    model: onnx.ModelProto, nodes: list[NodeProto], outputs: set[str], values: Mapping[str, onnx.ValueInfoProto]
) -> onnx.ModelProto:
    """Return the model of these nodes. Its inputs are what they read and do not make, weights left out."""
    weights = {each.name: each for each in model.graph.initializer}
    made = {name for node in nodes for name in node.output}
    read = {name for node in nodes for name in node.input} - made - {""}
    graph = onnx.GraphProto(name=model.graph.name, node=nodes)
    graph.initializer.extend(weights[name] for name in sorted(read & weights.keys()))
    graph.input.extend(values[name] for name in sorted(read - weights.keys()))
    graph.output.extend(values[name] for name in sorted(outputs))
    graph.value_info.extend(values[name] for name in sorted((made - outputs) & values.keys()))
    return onnx.ModelProto(ir_version=model.ir_version, graph=graph, opset_import=model.opset_import)
