"""Old forms of operators: what newer versions take as inputs, and older ones as attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper, numpy_helper

if TYPE_CHECKING:
    import onnx

MOVED = {
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceSum"), (13, (None, "axes"))),
    **{
        f"Reduce{name}": (18, (None, "axes"))
        for name in ("Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")
    },
    "Split": (13, (None, "split")),
    "Slice": (10, (None, "starts", "ends", "axes")),
    "Pad": (11, (None, "pads", "value")),
    "Clip": (11, (None, "min", "max")),
    "TopK": (10, (None, "k")),
    "Dropout": (12, (None, "ratio")),
    "Upsample": (9, (None, "scales")),
}
"""Operator -> the version from which it takes inputs, and the attribute that each of them was before."""

SCALARS = {"value", "min", "max", "k", "ratio"}


def lowered(model: onnx.ModelProto, opset: int) -> None:
    """Write a model of the newest opset as one of an older opset, as far as its operators have an older form."""
    weights = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        since, names = MOVED.get(node.op_type, (0, ()))
        if (
            opset < since
            and len(node.input) <= len(names)
            and all(not name or name in weights for name in node.input[1:])
        ):
            _move(node, weights, names)
        if node.op_type == "Split" and opset < 18:
            _forget(node, "num_outputs")
    for each in model.opset_import:
        if each.domain == "":
            each.version = opset
    used = {name for node in model.graph.node for name in node.input}
    kept = [each for each in model.graph.initializer if each.name in used or _nested(model)]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _move(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], names: tuple[str | None, ...]) -> None:
    """Make attributes of the inputs of a node."""
    for name, given in zip(names[1:], node.input[1:], strict=False):
        if given and weights[given].dims != [0]:
            values = numpy_helper.to_array(weights[given]).reshape(-1).tolist()
            node.attribute.append(helper.make_attribute(name, values[0] if name in SCALARS else values))
    del node.input[1:]


def _forget(node: onnx.NodeProto, name: str) -> None:
    kept = [each for each in node.attribute if each.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)


def _nested(model: onnx.ModelProto) -> bool:
    """Whether a node has a body, which may read weights that no node of the graph reads."""
    return any(each.HasField("g") for node in model.graph.node for each in node.attribute)
