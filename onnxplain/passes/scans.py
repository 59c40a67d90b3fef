"""Scans are brought to the form in which they are walked (see `onnxplain.plan.recurrence`).

In this form the steps lie on the first axis of each sequence and run forward, and the body computes with its inputs and
with constants of its own. And each value inside is an output of the Scan as well, with the steps on its first axis: its
tap, by an Identity in the body. What no run needs is left out of its session (see `prune`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, is_onnx

if TYPE_CHECKING:
    import onnx

PLAIN = {"body", "num_scan_inputs"}
"""The attributes of a Scan whose steps lie on the first axes and run forward."""


def scans(graph: gs.Graph) -> int:
    """Give each Scan in the form that is walked its taps; return how many taps were added."""
    edit = Editor(graph)
    return sum(_tap(edit, node) for node in graph.nodes if is_onnx(node, "Scan") and node.attrs.keys() == PLAIN)


def _tap(edit: Editor, node: gs.Node) -> int:
    body: gs.Graph = node.attrs["body"]
    count = len(node.inputs) - node.attrs["num_scan_inputs"]
    known = {value.name for value in body.inputs[count:]}
    for value in body.outputs[count:]:
        known |= {value.name, *(each.name for maker in value.inputs for each in maker.inputs if maker.op == "Identity")}
    inside = [*body.inputs[:count], *(value for each in body.nodes for value in each.outputs if value.name)]
    missing = [value for value in inside if value.name not in known]
    for value in missing:
        tap = gs.Variable(edit.fresh(f"{value.name}/tap"), value.dtype)
        body.nodes.append(gs.Node("Identity", edit.fresh(f"{value.name}/tapped"), {}, [value], [tap]))
        body.outputs.append(tap)
        node.outputs.append(gs.Variable(edit.fresh(f"{value.name}/steps"), value.dtype))
    return len(missing)


def prune(graph: onnx.GraphProto, *kept: str) -> None:
    """Leave out of a graph that is to be run what its Scans collect and nobody reads; `kept` are read besides."""
    while True:
        read = {*kept, *(each.name for each in graph.output), *(name for node in graph.node for name in node.input)}
        read.update(*map(read_inside, graph.node))
        if not any(_prune(node, read) for node in graph.node if node.op_type == "Scan"):
            return


def _prune(node: onnx.NodeProto, read: set[str]) -> bool:
    attributes = {each.name: each for each in node.attribute}
    if attributes.keys() != PLAIN:
        return False
    body = attributes["body"].g
    count = len(node.input) - attributes["num_scan_inputs"].i
    kept = [i for i, name in enumerate(node.output) if i < count or name in read]
    if len(kept) in (0, len(node.output)):
        return False
    outputs = [body.output[i] for i in kept]
    node.output[:] = [node.output[i] for i in kept]
    wanted, nodes = {each.name for each in outputs}, []
    for each in reversed(body.node):
        if wanted & set(each.output):
            nodes.append(each)
            wanted |= {*each.input, *read_inside(each)}
    del body.output[:], body.node[:]
    body.output.extend(outputs)
    body.node.extend(nodes[::-1])
    return True


def read_inside(node: onnx.NodeProto) -> set[str]:
    """Return the names that the bodies of a node read, those of values inside among them."""
    names: set[str] = set()
    for attribute in node.attribute:
        if attribute.HasField("g"):
            names |= {name for each in attribute.g.node for name in each.input}
            names |= {each.name for each in attribute.g.output}
            names.update(*map(read_inside, attribute.g.node))
    return names
