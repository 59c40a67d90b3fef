"""Nodes whose operator is defined by simpler operators are replaced by these: its body.

The body comes from `bodies` or, where that has none, from ONNX itself. The caller says which nodes to replace. Each of
them becomes a small model with typed inputs, which ONNX's inliner expands: it substitutes attributes, and it knows the
bodies that depend on types, on attributes or on which optional inputs are present.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.inliner
import onnx.parser
import onnx_graphsurgeon as gs

from onnxplain.graph.inference import infer
from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.bodies import BODIES
from onnxplain.passes.body import Given
from onnxplain.passes.edit import is_onnx, rewrite, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.passes.edit import Editor

OWN = "onnxplain.bodies"
"""The domain in which the inliner finds a body of `bodies`."""


def expand(graph: gs.Graph, wanted: Callable[[gs.Node], bool]) -> int:
    """Replace each node that `wanted` accepts by its body; return how many nodes were replaced.

    The nodes of a body are replaced in turn. A node without a body stays. A body of `bodies` can be used only where the
    rank of the node's first input is known.
    """

    def rule(edit: Editor, node: gs.Node) -> bool:
        if not (is_onnx(node, node.op) and wanted(node) and _expand(edit, node)):
            return False
        if not total:  # later ones are of bodies, not of the file
            note(node, "by its definition from simpler operators")
        return True

    total = 0
    while changed := rewrite(graph, rule):
        total += changed
    return total


def _expand(edit: Editor, node: gs.Node) -> bool:
    """Replace a node by its body; return False where it has none."""
    schema = onnx.defs.get_schema(node.op, edit.graph.opset)
    attrs = _defaults(schema) | dict(node.attrs)
    model = _model(node, attrs, edit.graph.opset)
    shape = node.inputs[0].shape if node.op in BODIES else None
    body = None if shape is None else _own_body(edit, node, shape, attrs)
    if body is not None:
        return put_body(edit, node, body)
    if not (schema.has_function or schema.has_context_dependent_function):
        return False
    return _inline(edit, node, model)


def put_body(edit: Editor, node: gs.Node, body: onnx.FunctionProto) -> bool:
    """Replace a node by a function of the domain `OWN` that takes no attributes; return False where it does not fit.

    The inputs and outputs of the function are those of the node, in order; optional ones may be left out at the end.
    """
    model = _model(node, {}, edit.graph.opset)
    model.graph.node[0].domain = OWN
    model.functions.append(body)
    model.opset_import.append(onnx.helper.make_opsetid(OWN, 1))
    return _inline(edit, node, model)


def _inline(edit: Editor, node: gs.Node, model: onnx.ModelProto) -> bool:
    """Replace a node by what the inliner makes of it; return False where that fails.

    model: it holds the node alone, see `_model`.
    """
    name = model.graph.node[0].domain, node.op
    try:
        inlined = onnx.inliner.inline_selected_functions(model, [name], inline_schema_functions=True)
    except RuntimeError:  # the inliner asserts that it knows the type of every input, those left out included
        return False
    if any((each.domain, each.op_type) == name for each in inlined.graph.node):  # no body for these inputs
        return False
    body = infer(inlined)
    if body is None:  # its types or shapes contradict each other
        return False
    _splice(edit, node, gs.import_onnx(body))
    return True


def _defaults(schema: onnx.defs.OpSchema) -> dict[str, Any]:
    """Return the default values of an operator's attributes, by name."""
    values = {name: each.default_value for name, each in schema.attributes.items()}
    known = {name: onnx.helper.get_attribute_value(value) for name, value in values.items() if value.type}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in known.items()}


def _model(node: gs.Node, attrs: Mapping[str, Any], opset: int) -> onnx.ModelProto:
    """Return a model of the node alone, with typed inputs i0, i1, ... and outputs o0, o1, ...

    Optional inputs and outputs that the node leaves out are missing in the model too.
    """
    sides = [
        [
            gs.Variable.empty() if value.is_empty() else gs.Variable(f"{letter}{i}", _dtype(value), value.shape)
            for i, value in enumerate(values)
        ]
        for letter, values in (("i", node.inputs), ("o", node.outputs))
    ]
    alone = gs.Node(node.op, "", dict(attrs), sides[0], sides[1])
    inputs, outputs = ([value for value in values if not value.is_empty()] for values in sides)
    return gs.export_onnx(gs.Graph([alone], inputs, outputs, opset=opset), do_type_check=False)


def _dtype(value: gs.Tensor) -> np.dtype[Any]:
    return numpy_dtype(value) or np.dtype(np.float32)


def _own_body(
    edit: Editor, node: gs.Node, shape: Sequence[int | str | None], attrs: Mapping[str, Any]
) -> onnx.FunctionProto | None:
    """Return the body that `bodies` has for a node, as a function of the domain `OWN`; None where it has none."""
    opset = edit.graph.opset
    schema = onnx.defs.get_schema(node.op, opset)
    inputs = [formal.name for formal in schema.inputs]
    outputs = [formal.name for formal in schema.outputs][: len(node.outputs)]
    there = {name: value for name, value in zip(inputs, node.inputs, strict=False) if not value.is_empty()}
    constants = {name: value.values for name, value in there.items() if isinstance(value, gs.Constant)}
    shapes = {name: value.shape for name, value in there.items()}
    made = zip(outputs, node.outputs, strict=True)
    read = frozenset(name for name, value in made if value.outputs or id(value) in edit.results)
    text = BODIES[node.op](Given(shape, attrs, frozenset(there), constants, shapes, read))
    head = f'<domain: "{OWN}", opset_import: ["" : {opset}]>'
    function = f"{head} {node.op} ({', '.join(inputs)}) => ({', '.join(outputs)}) {{{text}\n}}"
    return onnx.parser.parse_function(function) if text else None


def _splice(edit: Editor, node: gs.Node, body: gs.Graph) -> None:
    """Put the nodes of `body` in the place of `node`, with constants as constants and each CastLike as a Cast.

    The values i0, i1, ... and o0, o1, ... of the body become the inputs and outputs of the node.
    """
    made = {f"o{i}": value for i, value in enumerate(node.outputs)}
    real: dict[str, gs.Tensor] = {**{f"i{i}": value for i, value in enumerate(node.inputs)}, **made}
    sizes = {size for value in (*node.inputs, *node.outputs) for size in value.shape or ()}
    node.outputs.clear()
    stem = node.name or node.op
    for each in body.nodes:
        values = _constant(each, real)
        if values is not None:
            real[each.outputs[0].name] = edit.constant(values, f"{stem}/{each.outputs[0].name}")
            continue
        if each.op == "CastLike":
            each.op, each.attrs = "Cast", {"to": onnx.helper.np_dtype_to_tensor_dtype(_dtype(each.inputs[1]))}
            each.inputs = [each.inputs[0]]
        for value in each.outputs:
            if value.name and value.name not in made:
                new = gs.Variable(edit.fresh(f"{stem}/{value.name}"), value.dtype, _known_shape(value, sizes))
                made[value.name] = real[value.name] = new
        inputs = [real.get(value.name, value) for value in each.inputs]
        outputs = [made.get(value.name, value) for value in each.outputs]
        edit.new.append(gs.Node(each.op, edit.fresh(f"{stem}/{each.op}"), each.attrs, inputs, outputs))


def _known_shape(value: gs.Tensor, sizes: Collection[int | str | None]) -> list[int | str | None] | None:
    """Return the shape of a value of a body, without the names of sizes that the inference made up.

    They say what is equal within the body, and other bodies have the same names. sizes: those around the body.
    """
    if value.shape is None:
        return None
    return [None if isinstance(size, str) and size not in sizes else size for size in value.shape]


def _constant(node: gs.Node, real: Mapping[str, gs.Tensor]) -> Array | None:
    """Return the output of a Constant, or of a CastLike of a constant; None for any other node.

    real: the values of the graph by their names in the body.
    """
    if node.op == "CastLike":
        values = values_of(real.get(node.inputs[0].name, node.inputs[0]))
        return None if values is None else values.astype(_dtype(node.inputs[1]))
    if node.op != "Constant":
        return None
    ((name, value),) = node.attrs.items()
    if isinstance(value, gs.Constant):
        return np.asarray(value.values)
    return np.asarray(value, np.float32 if name.startswith("value_float") else np.int64)
