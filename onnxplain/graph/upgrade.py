"""Bringing a model of any opset to opset 24 or newer, with functions inlined, nodes sorted and no initialiser as input.

The nodes are converted by the tables of `versions`. The large weights are kept apart, and put back where they are
wanted, so that neither the time it takes nor the 2 GB limit of a serialised proto depends on them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.convert import Conversion, imports
from onnxplain.graph.versions import OPSET

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message  # type: ignore[import-untyped]

_SMALL = 1024
"""Bytes of the largest constant that stays in the model, since shape inference may have to read shapes and axes."""


def upgrade(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a converted copy of a model. Raises `UnsupportedModelError` where an operator cannot be converted."""
    model, weights = upgrade_apart(proto)
    model.graph.initializer.extend(weights)
    _drop_inputs(model.graph, weights)
    return model


def upgrade_apart(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[TensorProto]]:
    """Return a converted copy in which the large weights are inputs, and these weights as they are in `proto`.

    Raises as `upgrade` does, and `BadInputError` where the nodes form a cycle.
    """
    _check_inputs(proto.graph.input)
    target = max(opset(proto), OPSET)
    known = _by_name(proto.graph.initializer)
    weights = [each for each in known.values() if _is_large(each)]
    model = _without_nodes(proto, known, weights)
    conversion = Conversion(proto, target)
    for node in conversion.main(proto):
        model.graph.node.append(node)
    model.ir_version = max(model.ir_version, 10)
    _state_opsets(model, imports(proto.opset_import) | conversion.domains | {"": target})
    _keep_types(model, proto)
    _forget_impossible_sizes(model)
    return model, weights


def _check_inputs(inputs: Iterable[onnx.ValueInfoProto]) -> None:
    """Raise `UnsupportedModelError` for an input that the graph library cannot read: neither tensor nor sequence."""
    for each in inputs:
        kind = each.type.WhichOneof("value")
        if kind not in ("tensor_type", "sequence_type"):
            raise UnsupportedModelError(
                f"the input {each.name!r} is of the kind {kind}, and an explanation attributes to a tensor: "
                "export the model with a tensor as its input"
            )


def _by_name(weights: Iterable[TensorProto]) -> dict[str, TensorProto]:
    """Return initialisers by name.

    Raises `BadInputError` where two of the same name differ: which of them onnxruntime takes depends on their size.
    """
    known: dict[str, TensorProto] = {}
    for each in weights:
        other = known.setdefault(each.name, each)
        if other is not each and not _same(other, each):
            raise BadInputError(
                f"two initialisers have the name {each.name!r} and different values, and which one counts is not "
                "defined: remove one of them"
            )
    return known


def _same(a: TensorProto, b: TensorProto) -> bool:
    """Return whether two tensors have the same type, shape and values."""
    kinds = (a.data_type, list(a.dims)) == (b.data_type, list(b.dims))
    return kinds and np.array_equal(numpy_helper.to_array(a), numpy_helper.to_array(b))


def _is_large(weight: TensorProto) -> bool:
    """Return whether a weight takes more than `_SMALL` bytes.

    `ByteSize` serialises the tensor, so it is asked of small ones only. No type takes less than 2 bits an element.
    """
    return math.prod(weight.dims) > 4 * _SMALL or int(weight.ByteSize()) > _SMALL


def opset(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that the model imports.

    Some exporters forget to state it. onnxruntime then takes the newest that it knows, which is `OPSET` or means the
    same.
    """
    return imports(model.opset_import).get("", OPSET)


def _without_nodes(
    proto: onnx.ModelProto, known: dict[str, TensorProto], weights: list[TensorProto]
) -> onnx.ModelProto:
    """Return a copy without nodes, functions and types of inner values.

    known: the initialisers by name. The `weights` among them become inputs of the same type; no other is an input.
    """
    model, taken = onnx.ModelProto(), {each.name for each in weights}
    _merge(model, proto, "graph", "functions", "opset_import")
    _merge(model.graph, proto.graph, "initializer", "node", "value_info")
    _drop_inputs(model.graph, known.values())
    model.graph.initializer.extend(each for name, each in known.items() if name not in taken)
    model.graph.input.extend(helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in weights)
    return model


def _state_opsets(model: onnx.ModelProto, opsets: dict[str, int]) -> None:
    """Import these opsets and no others: the graph library needs every domain that a node uses, once."""
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets.items())


def _keep_types(model: onnx.ModelProto, proto: onnx.ModelProto) -> None:
    """Copy the types that the file states for inner values, but only those of custom operators with their shapes.

    Shape inference finds out all others by itself. What a file says of them may be wrong, and onnxruntime then goes by
    what it finds out; of types it does not, and refuses the file.
    """
    foreign = {name: bool(node.domain) for node in model.graph.node for name in node.output}
    for each in proto.graph.value_info:
        if each.name in foreign:
            model.graph.value_info.append(each)
            if not foreign[each.name] and each.type.HasField("tensor_type"):
                model.graph.value_info[-1].type.tensor_type.ClearField("shape")


def _forget_impossible_sizes(model: onnx.ModelProto) -> None:
    """Clear sizes of 0 and -1, by which some exporters mean an unknown size."""
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 1:
                dim.ClearField("dim_value")


def _drop_inputs(graph: onnx.GraphProto, tensors: Iterable[TensorProto]) -> None:
    """Remove the inputs that have the name of one of these tensors."""
    known = {each.name for each in tensors}
    kept = [each for each in graph.input if each.name not in known]
    del graph.input[:]
    graph.input.extend(kept)


def _merge(target: Message, source: Message, *left_out: str) -> None:
    """Copy all fields but these. To copy and then delete would not do: a proto keeps the memory of what is deleted."""
    for field, value in source.ListFields():
        if field.name in left_out:
            continue
        if hasattr(value, "MergeFrom"):
            getattr(target, field.name).MergeFrom(value)
        else:
            setattr(target, field.name, value)
