"""The file format of an exported explanation: its names and outputs, and how the file is written."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, TARGET
from onnxplain.engines.onnxruntime.nodes import Nodes
from onnxplain.engines.onnxruntime.repeated import state_row
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.versions.lowest import graphs_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

PUBLIC = {TARGET: "target", ATTRIBUTION: "attribution"}
"""The names in the file of the walk's input and output."""

HEATMAP = "heatmap"
"""The name in the file of the output that holds the attribution summed over the channels."""

LARGEST = 2**31 - 1
"""The bytes of the largest file that a proto can be written to."""


def check_names(values: Collection[str]) -> None:
    """Raise UnsupportedModelError where a value of the model has a name that the file needs for its own values."""
    taken = {*PUBLIC.values(), HEATMAP} & set(values)
    if taken:
        raise UnsupportedModelError(f"the model has values named {', '.join(sorted(taken))}: export needs these names")


def keep_outputs(graph: onnx.GraphProto, scores: str) -> None:
    """Make the value `scores` and the attribution the only outputs."""
    kept = [each for each in graph.output if each.name in (scores, ATTRIBUTION)]
    dropped = {each.name for each in graph.output} - {each.name for each in kept}
    nodes = [node for node in graph.node if not dropped & set(node.output)]
    del graph.output[:], graph.node[:]
    graph.output.extend(kept)
    graph.node.extend(nodes)


def add_heatmap(graph: onnx.GraphProto, channel_axis: int) -> None:
    """Add the output HEATMAP: the attribution, summed over the channels."""
    graph.initializer.append(numpy_helper.from_array(np.array([channel_axis]), "explain/channels"))
    inputs = [ATTRIBUTION, "explain/channels"]
    graph.node.append(helper.make_node("ReduceSum", inputs, [HEATMAP], name="explain/heatmap", keepdims=0))
    attribution = next(each for each in graph.output if each.name == ATTRIBUTION)
    summed = graph.output.add()
    summed.CopyFrom(attribution)
    summed.name = HEATMAP
    del summed.type.tensor_type.shape.dim[channel_axis]


def rework(graph: onnx.GraphProto, make: Callable[[Nodes, str], str], row: Sequence[int] | None = None) -> None:
    """Give out, in the place of the attribution, what `make` makes of it. row: the shape of a row of that, if another.

    The attribution is the output of an Identity, the last node but for that of the scores.
    """
    last = next(node for node in graph.node if node.output[0] == ATTRIBUTION)
    graph.node.remove(last)
    n = Nodes(f"explain/then.{len(graph.node)}")
    n.copy(make(n, last.input[0]), ATTRIBUTION)
    n.put(graph)
    if row is not None:
        state_row(graph, row)


def give_public_names(graph: onnx.GraphProto) -> None:
    """Rename the inputs and outputs of `PUBLIC`."""
    for value in (*graph.input, *graph.output):
        value.name = PUBLIC.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [PUBLIC.get(name, name) for name in node.input]
        node.output[:] = [PUBLIC.get(name, name) for name in node.output]


def shorten_names(graph: onnx.GraphProto) -> None:
    """Give short names to what the walk adds, which would else be larger by its names than by all the rest.

    Values are numbered, since each of their names is written at least twice. The name of a node keeps the rule, the
    node that is walked and the operator, but not the parameters of the rule, which the plan states.
    """
    ends = {value.name for value in (*graph.input, *graph.output)}
    graphs = list(graphs_in(graph))
    made = [name for each in graphs for name in _made_in(each)]
    taken = set(made)
    free = (name for i in count() if (name := f"e{i}") not in taken)
    short = {name: next(free) for name in made if name.startswith("explain/") and name not in ends}
    for each in graphs:
        for value in (*each.initializer, *each.value_info, *each.input, *each.output):
            value.name = short.get(value.name, value.name)
        for node in each.node:
            node.input[:] = [short.get(name, name) for name in node.input]
            node.output[:] = [short.get(name, name) for name in node.output]
            if node.name.startswith("explain/"):
                node.name = re.sub(r"\(.*?\) @ ", " @ ", node.name.removeprefix("explain/"))


def _made_in(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the names of what a graph holds, takes and computes."""
    yield from (each.name for each in (*graph.initializer, *graph.input))
    for node in graph.node:
        yield from node.output


def serialised(proto: onnx.ModelProto) -> bytes:
    """Return the bytes of the file, after onnx's own check. Raises UnsupportedModelError where it would exceed 2 GB."""
    if proto.ByteSize() > LARGEST:
        raise UnsupportedModelError(
            "the model is larger than 2 GB, which one ONNX file without external data cannot hold"
        )
    onnx.checker.check_model(proto)
    data: bytes = proto.SerializeToString()
    return data
