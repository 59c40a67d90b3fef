"""From any opset to one: functions inlined, nodes sorted, initialisers no longer inputs, opset 24 or newer.

Weights do not pass through the converter: they are declared as inputs there and come back afterwards, so that
neither time nor the 2 GB limit of a serialised proto depends on them.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxplain.errors import UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

OPSET = 24
_SMALL = 1024  # bytes; shapes, axes, scales: constants that the converter may have to read


def upgrade(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a converted copy. Raises `UnsupportedModelError` where the converter cannot convert an op."""
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model, convert_version=True)
    model.ir_version = max(model.ir_version, 10)
    _drop_initialiser_inputs(model)
    _forget_impossible_sizes(model)
    _declare_domains(model)
    _expand_image_scaler(model)
    _sort(model.graph)
    if opset(model) < OPSET:
        weights = _take_weights(model)
        model = _convert(model)
        _return_weights(model, weights)
    return model


def opset(model: onnx.ModelProto) -> int:
    """Version of the ONNX domain that the model imports."""
    return int(next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx")))


def _drop_initialiser_inputs(model: onnx.ModelProto) -> None:
    known = {each.name for each in model.graph.initializer}
    kept = [each for each in model.graph.input if each.name not in known]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _forget_impossible_sizes(model: onnx.ModelProto) -> None:
    """Some exporters write an unknown size as 0 or -1."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 1:
                dim.ClearField("dim_value")


def _declare_domains(model: onnx.ModelProto) -> None:
    """Converter and graph library want every domain imported, and some exporters forget one."""
    known = {"" if each.domain == "ai.onnx" else each.domain for each in model.opset_import}
    used = {"" if each.domain == "ai.onnx" else each.domain for each in model.graph.node} | {""}
    for domain in sorted(used - known):
        model.opset_import.append(helper.make_opsetid(domain, 9 if domain == "" else 1))


def _expand_image_scaler(model: onnx.ModelProto) -> None:
    """ImageScaler, an experimental op removed long ago: y = scale · x + bias, one bias per channel."""
    nodes = []
    for node in model.graph.node:
        if node.op_type != "ImageScaler":
            nodes.append(node)
            continue
        given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        scale, bias, scaled = (f"{node.output[0]}/{part}" for part in ("scale", "bias", "scaled"))
        model.graph.initializer.extend(
            [
                numpy_helper.from_array(np.array(given.get("scale", 1.0), "f"), scale),
                numpy_helper.from_array(np.array(given["bias"], "f").reshape(-1, 1, 1), bias),
            ]
        )
        nodes.append(helper.make_node("Mul", [node.input[0], scale], [scaled], f"{node.name}/scale"))
        nodes.append(helper.make_node("Add", [scaled, bias], [node.output[0]], f"{node.name}/bias"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _sort(graph: onnx.GraphProto) -> None:
    """Put producers before users: runtimes forgive another order, converter and shape inference do not."""
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: {producer[name] for name in _reads(node) if name in producer} for i, node in enumerate(graph.node)}
    if all(max(before, default=-1) < i for i, before in needs.items()):
        return
    nodes = [graph.node[i] for i in TopologicalSorter(needs).static_order()]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)


def _take_weights(model: onnx.ModelProto) -> list[TensorProto]:
    """Replace large initialisers by inputs of the same type, and return them."""
    large = [each for each in model.graph.initializer if each.ByteSize() > _SMALL]
    small = [each for each in model.graph.initializer if each.ByteSize() <= _SMALL]
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)
    model.graph.input.extend(helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in large)
    return large


def _return_weights(model: onnx.ModelProto, weights: list[TensorProto]) -> None:
    model.graph.initializer.extend(weights)
    _drop_initialiser_inputs(model)


def _convert(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        foreign = sorted({f"{n.domain}::{n.op_type}" for n in model.graph.node if n.domain not in ("", "ai.onnx.ml")})
        cause = f"it holds custom operators: {', '.join(foreign)}" if foreign else str(error).strip()
        raise UnsupportedModelError(
            f"the model cannot be converted from opset {opset(model)} to {OPSET}: {cause}. "
            "Exporting it again with a newer opset and without custom operators would help"
        ) from error
