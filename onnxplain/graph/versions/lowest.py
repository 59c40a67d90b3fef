"""The lowest opset that carries a graph as it is, so that older runtimes take the file.

Going down a version of an operator is the way of `UNCHANGED` backward: what the old version allows means the same in
the new one, so a node stays as it is where the old version allows it, with its attributes, its inputs and its types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import onnx
from onnx import defs, helper, shape_inference

from onnxplain.graph.versions import OLDEST, history, version
from onnxplain.graph.versions.unchanged import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


TRIED: Mapping[int, str] = {19: "1.15", 20: "1.17", 21: "1.20", 22: "1.22", 23: "1.23", 24: "1.24"}
"""By opset, the oldest release of onnxruntime that was seen to run files of it; those of lower opsets run on it too."""


ROUNDED = 22
"""The opset by which a window that begins in the padding is dropped from a pool that rounds up.

The installed onnxruntime drops it by every opset; ONNX's own shapes and older runtimes do not.
"""


SIGNED = 11
"""The opset by which axes may be counted back from the last one, as -1; in older versions of its operators they are not
valid."""


def runs_on(opset: int) -> str:
    """Return the oldest release of onnxruntime that was seen to run files of an opset; older ones may do so too."""
    return next(release for newest, release in TRIED.items() if opset <= newest)


class Need(NamedTuple):
    """The lowest opset of a graph, and the node that needs it; "" where no node does."""

    opset: int
    node: str


def lowest(model: onnx.ModelProto) -> Need:
    """Return the lowest opset by which the nodes of a model mean what they do. A model with functions keeps its own."""
    now = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if model.functions:
        return Need(now, "functions of the model")
    need = Need(OLDEST, "")
    for node, types in _typed(model):
        own = _lowest(node, types, now)
        if own > need.opset:
            need = Need(own, f"{node.op_type} (node {node.name!r})")
    return need


def restamp(model: onnx.ModelProto, opset: int) -> None:
    """State that a model is of `opset`, which `lowest` allows; attributes that it does not have yet are left out.

    They state the default of the newer version, which is what the older one does.
    """
    now = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    for graph in graphs_in(model.graph):
        for node in graph.node:
            if node.domain in ("", "ai.onnx") and opset < now:
                known = defs.get_schema(node.op_type, version(node.op_type, opset) or now).attributes
                kept = [each for each in node.attribute if each.name in known]
                del node.attribute[:]
                node.attribute.extend(kept)
    for each in model.opset_import:
        each.version = opset if each.domain in ("", "ai.onnx") else each.version
    model.ir_version = max(helper.find_min_ir_version_for(list(model.opset_import), ignore_unknown=True), 4)


def _lowest(node: onnx.NodeProto, types: Mapping[str, str], now: int) -> int:
    """Return the lowest opset in which a node may stand."""
    found = version(node.op_type, now)
    if node.domain not in ("", "ai.onnx") or found is None:
        return OLDEST
    known = history()[node.op_type]
    held = {ROUNDED: _rounds_up(node), SIGNED: _counts_back(node)}
    while found in UNCHANGED.get(node.op_type, ()) and not held.get(found):
        older = known[known.index(found) - 1]
        if not _fits(node, types, defs.get_schema(node.op_type, older), defs.get_schema(node.op_type, now)):
            break
        found = older
    return found


def _rounds_up(node: onnx.NodeProto) -> bool:
    """Whether a pool rounds the number of its windows up."""
    return any(each.name == "ceil_mode" and each.i for each in node.attribute)


def _counts_back(node: onnx.NodeProto) -> bool:
    """Whether an attribute of a node counts an axis back from the last one."""
    return any(min([each.i, *each.ints]) < 0 for each in node.attribute if each.name in ("axis", "axes"))


def _fits(node: onnx.NodeProto, types: Mapping[str, str], old: defs.OpSchema, new: defs.OpSchema) -> bool:
    """Whether an older version of a node's operator allows it: its attributes, and the number and types of its values.

    An attribute that the older one lacks may state the default of the newer one.
    """
    for each in node.attribute:
        default = new.attributes[each.name].default_value if each.name in new.attributes else None
        if each.name not in old.attributes and (default is None or default != _plain(each)):
            return False
    for name, attribute in old.attributes.items():
        if name in new.attributes and attribute.default_value != new.attributes[name].default_value:
            return False
    if old.deprecated or not old.min_input <= len(node.input) <= old.max_input or len(node.output) > old.max_output:
        return False
    allowed = {each.type_param_str: set(each.allowed_type_strs) for each in old.type_constraints}
    sides = (*zip(node.input, _formal(old.inputs, len(node.input)), strict=False),
             *zip(node.output, _formal(old.outputs, len(node.output)), strict=False))  # fmt: skip
    return all(types.get(name) in allowed.get(kind, {kind}) if name else free for name, (kind, free) in sides)


def _plain(attribute: onnx.AttributeProto) -> onnx.AttributeProto:
    """Return an attribute without what describes it to people."""
    result = onnx.AttributeProto()
    result.CopyFrom(attribute)
    result.ClearField("doc_string")
    return result


def _formal(formal: Sequence[defs.OpSchema.FormalParameter], count: int) -> list[tuple[str, bool]]:
    """Return the type of each of `count` inputs or outputs by a schema, and whether it may be left out.

    The last one may repeat.
    """
    kinds = [(each.type_str, each.option == defs.OpSchema.FormalParameterOption.Optional) for each in formal]
    return [*kinds, *kinds[-1:] * (count - len(kinds))]


def _typed(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, dict[str, str]]]:
    """Yield each node, those of bodies among them, with the types of the values that are known where it stands."""
    inferred = shape_inference.infer_shapes(_without_weights(model))
    types: dict[str, str] = {}
    for graph in graphs_in(inferred.graph):
        infos = (*graph.input, *graph.output, *graph.value_info)
        tensors = (each for each in infos if each.type.HasField("tensor_type"))
        types |= {each.name: _type(each.type.tensor_type.elem_type) for each in tensors}
        types |= {each.name: _type(each.data_type) for each in graph.initializer}
    for graph in graphs_in(model.graph):
        yield from ((node, types) for node in graph.node)


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a model whose initialisers are inputs of the same type: no type depends on their elements."""
    result = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    for name in ("node", "input", "output", "value_info"):
        getattr(result.graph, name).extend(getattr(model.graph, name))
    for each in model.graph.initializer:
        result.graph.input.append(helper.make_tensor_value_info(each.name, each.data_type, each.dims))
    return result


def _type(elem_type: int) -> str:
    """Return a type as schemas write it, such as "tensor(float)"."""
    return f"tensor({onnx.TensorProto.DataType.Name(elem_type).lower()})"


def graphs_in(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and all bodies in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            bodies = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs
            for body in bodies:
                yield from graphs_in(body)
