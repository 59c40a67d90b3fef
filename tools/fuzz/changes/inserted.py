"""Pieces of pieces.txt in the middle of a model, and heads at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grow import Sprout, pieces
from lower import lowered
from onnx import TensorProto, helper, shape_inference

from changes import kind, pick

if TYPE_CHECKING:
    import numpy as np
    import onnx

HEADS = (
    ("Softmax", {"axis": 1}),
    ("Softmax", {"axis": -1}),
    ("Softmax", {"axis": 0}),
    ("LogSoftmax", {"axis": 1}),
    ("Sigmoid", {}),
    ("Hardmax", {"axis": 1}),
    ("ArgMax", {"axis": 1}),
    ("ArgMax", {"axis": 0}),
    ("Identity", {}),
    ("Cast", {"to": TensorProto.DOUBLE}),
    ("Cast", {"to": TensorProto.FLOAT16}),
    ("Cast", {"to": TensorProto.INT64}),
    ("Flatten", {"axis": 1}),
    ("Flatten", {"axis": 0}),
    ("Transpose", {}),
    ("Exp", {}),
    ("Neg", {}),
    ("Round", {}),
    ("Dropout", {}),
)


def _opset(model: onnx.ModelProto) -> int:
    found = [each.version for each in model.opset_import if each.domain == ""]
    return found[0] if found and 7 <= found[0] <= 24 else 18


def _shapes(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    """Return the inferred shapes of the float values whose sizes are known, all but the first."""
    try:
        graph = shape_inference.infer_shapes(model).graph
    except Exception:  # noqa: BLE001 - what inference raises on an earlier mutation
        return {}
    found = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sizes = [dim.dim_value or dim.dim_param for dim in kind.shape.dim]
        if kind.elem_type == TensorProto.FLOAT and sizes and all(isinstance(s, int) and s > 0 for s in sizes[1:]):
            found[value.name] = sizes
    return found


@kind
def piece(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a piece that keeps the shape behind a value: whatever read the value reads the piece."""
    shapes = _shapes(model)
    read = {name for node in model.graph.node for name in node.input}
    some = [name for name in shapes if name in read]
    if not some:
        return False
    name = pick(rng, some)
    sprout = Sprout(rng, "N", _opset(model))
    sprout.end, sprout.shape, sprout.given = "x", tuple(shapes[name]), tuple(shapes[name])
    for _ in range(8):
        rank, text = pick(rng, pieces())
        kept = len(sprout.nodes), len(sprout.weights)
        fits = rank.strip("=") in ("any", str(len(sprout.shape)))
        if fits and sprout.grow(text, same="=" in rank) and list(sprout.shape[1:]) == list(shapes[name][1:]):
            break
        del sprout.nodes[kept[0] :], sprout.weights[kept[1] :]
        sprout.end, sprout.shape = "x", tuple(shapes[name])
    else:
        return False
    _put(model, sprout.model(), name, sprout.end)
    return True


def _put(model: onnx.ModelProto, grown: onnx.ModelProto, name: str, end: str) -> None:
    """Put the nodes of a grown model, which read x and make `end`, behind a value of a model."""
    known = {f"grown_{each}" for node in grown.graph.node for each in node.output}
    for node in model.graph.node:
        for i, each in enumerate(node.input):
            if each == name:
                node.input[i] = f"grown_{end}"
    at = next((i + 1 for i, node in enumerate(model.graph.node) if name in node.output), 0)
    for weight in grown.graph.initializer:
        model.graph.initializer.append(weight)
        model.graph.initializer[-1].name = f"grown_{weight.name}"
        known.add(f"grown_{weight.name}")
    for node in reversed(grown.graph.node):
        _rename(node, lambda each: name if each == "x" else f"grown_{each}" if f"grown_{each}" in known else each)
        model.graph.node.insert(at, node)


def _rename(node: onnx.NodeProto, renamed: object) -> None:
    """Rename what a node reads and makes, in its bodies too."""
    for names in (node.input, node.output):
        for i, each in enumerate(names):
            names[i] = renamed(each)  # type: ignore[operator]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _rename(inner, renamed)


@kind
def head(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put an operator behind the first output."""
    if not model.graph.output:
        return False
    old = model.graph.output[0].name
    op, attributes = pick(rng, HEADS)
    model.graph.node.append(helper.make_node(op, [old], ["headed"], **attributes))
    model.graph.output[0].CopyFrom(helper.make_empty_tensor_value_info("headed"))
    return True


@kind
def lower(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Write the model in an older opset."""
    own = _opset(model)
    lowered(model, int(rng.integers(7, own + 1)))
    return own > 7
