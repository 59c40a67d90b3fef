"""Bringing a model of any opset to opset 24 or newer, with functions inlined, nodes sorted and no initialiser as input.

The large weights do not pass through onnx's converter. They are declared as inputs there and put back afterwards, so
that neither the time it takes nor the 2 GB limit of a serialised proto depends on them.
"""

from __future__ import annotations

import math
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxplain.errors import UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.message import Message  # type: ignore[import-untyped]

OPSET = 24
"""The version of ONNX's operators that models are brought to."""

_SMALL = 1024
"""Bytes of the largest constant that passes through the converter, which may have to read shapes, axes and scales."""


def upgrade(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a converted copy of a model. Raises `UnsupportedModelError` where an operator cannot be converted."""
    model, weights = upgrade_apart(proto)
    model.graph.initializer.extend(weights)
    _drop_inputs(model.graph, weights)
    return model


def upgrade_apart(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[TensorProto]]:
    """Return a converted copy in which the large weights are inputs, and these weights as they are in `proto`.

    Raises as `upgrade` does.
    """
    weights = [each for each in proto.graph.initializer if _is_large(each)]
    model = _without(proto, weights)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model, convert_version=True)
    model.ir_version = max(model.ir_version, 10)
    _forget_impossible_sizes(model)
    _declare_domains(model)
    _expand_image_scaler(model)
    _sort(model.graph)
    return model if opset(model) >= OPSET else _convert(model), weights


def _is_large(weight: TensorProto) -> bool:
    """Return whether a weight takes more than `_SMALL` bytes.

    `ByteSize` serialises the tensor, so it is asked of small ones only. No type takes less than 2 bits an element.
    """
    return math.prod(weight.dims) > 4 * _SMALL or int(weight.ByteSize()) > _SMALL


def opset(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that the model imports."""
    return int(next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx")))


def _forget_impossible_sizes(model: onnx.ModelProto) -> None:
    """Clear sizes of 0 and -1, by which some exporters mean an unknown size."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 1:
                dim.ClearField("dim_value")


def _declare_domains(model: onnx.ModelProto) -> None:
    """Import every domain that a node uses: converter and graph library require it, and some exporters forget one."""
    known = {"" if each.domain == "ai.onnx" else each.domain for each in model.opset_import}
    used = {"" if each.domain == "ai.onnx" else each.domain for each in model.graph.node} | {""}
    for domain in sorted(used - known):
        model.opset_import.append(helper.make_opsetid(domain, 9 if domain == "" else 1))


def _expand_image_scaler(model: onnx.ModelProto) -> None:
    """Replace ImageScaler, an operator that ONNX removed long ago: y = scale · x + bias, with one bias per channel."""
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
    """Put each node behind those that make its inputs. Runtimes accept other orders; converter and inference do not."""
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: {producer[name] for name in _reads(node) if name in producer} for i, node in enumerate(graph.node)}
    if all(max(before, default=-1) < i for i, before in needs.items()):
        return
    nodes = [graph.node[i] for i in TopologicalSorter(needs).static_order()]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the names of all values that a node reads, those that its subgraphs read included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)


def _without(proto: onnx.ModelProto, weights: list[TensorProto]) -> onnx.ModelProto:
    """Return a copy in which these initialisers are inputs of the same type, and no other initialiser is an input."""
    model, taken = onnx.ModelProto(), {each.name for each in weights}
    _merge(model, proto, "graph")
    _merge(model.graph, proto.graph, "initializer")
    _drop_inputs(model.graph, proto.graph.initializer)
    model.graph.initializer.extend(each for each in proto.graph.initializer if each.name not in taken)
    model.graph.input.extend(helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in weights)
    return model


def _drop_inputs(graph: onnx.GraphProto, tensors: Iterable[TensorProto]) -> None:
    """Remove the inputs that have the name of one of these tensors."""
    known = {each.name for each in tensors}
    kept = [each for each in graph.input if each.name not in known]
    del graph.input[:]
    graph.input.extend(kept)


def _merge(target: Message, source: Message, left_out: str) -> None:
    """Copy all fields but one. To copy and then delete it would not do: a proto keeps the memory of what is deleted."""
    for field, value in source.ListFields():
        if field.name == left_out:
            continue
        if hasattr(value, "MergeFrom"):
            getattr(target, field.name).MergeFrom(value)
        else:
            setattr(target, field.name, value)


def _convert(model: onnx.ModelProto) -> onnx.ModelProto:
    """Convert a model to `OPSET`. Raises UnsupportedModelError, with the cause, where the converter fails."""
    try:
        return onnx.version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        foreign = sorted({f"{n.domain}::{n.op_type}" for n in model.graph.node if n.domain not in ("", "ai.onnx.ml")})
        cause = f"it holds custom operators: {', '.join(foreign)}" if foreign else str(error).strip()
        raise UnsupportedModelError(
            f"the model cannot be converted from opset {opset(model)} to {OPSET}: {cause}. "
            "Exporting it again with a newer opset and without custom operators would help"
        ) from error
