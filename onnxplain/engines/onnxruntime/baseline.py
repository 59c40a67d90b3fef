"""Splitting off the part of a traced walk that depends on the baseline alone, so that it runs once per baseline."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import GraphProto, ModelProto, NodeProto

from onnxplain.engines.onnxruntime.joint import BASELINE, WALK, ForwardBackwardModel


def split(joint: ForwardBackwardModel) -> ModelProto:
    """Move the nodes that depend on nothing but the baseline and constants out of `joint.proto` into a second model.

    Return that model. Its inputs are inputs of `joint`, and its outputs are inputs of `joint.proto` from now on.
    """
    graph = joint.proto.graph
    nodes = _nodes(graph, {BASELINE + name for name in joint.reads})
    made = {name for node in nodes for name in node.output}
    rest = [node for node in graph.node if not made & set(node.output)]
    taken = {name for node in rest for name in node.input}
    once = _model(joint, sorted(made & taken))
    _replace(graph.node, rest)
    _replace(graph.input, [each for each in graph.input if each.name in taken or not each.name.startswith(BASELINE)])
    _replace(graph.value_info, [each for each in graph.value_info if each.name not in made])
    graph.input.extend(once.graph.output)
    return once


def _nodes(graph: GraphProto, given: set[str]) -> list[NodeProto]:
    """Return the nodes of the walk that depend on the values `given` and, apart from those, on constants only."""
    fixed, nodes = {each.name for each in graph.initializer}, []
    ends = {each.name for each in graph.output}
    for node in graph.node:
        read = set(node.input) - {""}
        if not node.name.startswith(WALK) or not read <= fixed | given or ends & set(node.output):
            continue
        if read <= fixed:
            fixed.update(node.output)
        else:
            given.update(node.output)
            nodes.append(node)
    return nodes


def _model(joint: ForwardBackwardModel, outputs: list[str]) -> ModelProto:
    """Return a model that computes the values `outputs` from those of the baseline, with their types stated."""
    wanted, kept = set(outputs), []
    for node in reversed(joint.proto.graph.node):
        if wanted & set(node.output):
            wanted.update(node.input)
            kept.append(node)
    graph = GraphProto(name="baseline", node=kept[::-1])
    graph.initializer.extend(each for each in joint.proto.graph.initializer if each.name in wanted)
    read = {BASELINE + name for name in joint.reads} & wanted
    graph.input.extend(each for each in joint.proto.graph.input if each.name in read)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    model = ModelProto(ir_version=joint.proto.ir_version, graph=graph, opset_import=joint.proto.opset_import)
    return onnx.shape_inference.infer_shapes(model)


def _replace(field: Any, values: list[Any]) -> None:
    """Replace all elements of a repeated field of a proto by `values`."""
    del field[:]
    field.extend(values)
