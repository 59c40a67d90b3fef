"""What a node states: its attributes with their defaults, and its constant inputs under the names of ONNX's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.ops import Op


def input_names(node: gs.Node, op: Op, opset: int) -> list[str]:
    """Return the names of a node's inputs by position: those of ONNX's schema, or those that the op states.

    The last one stands for all that follow. An input that nobody names is called by its position.
    """
    if op.standard:
        formal = [each.name for each in onnx.defs.get_schema(op.name, opset).inputs]
        return [formal[min(i, len(formal) - 1)] for i in range(len(node.inputs))]
    return [op.inputs[i] if i < len(op.inputs) else f"input {i}" for i in range(len(node.inputs))]


def attributes(node: gs.Node, op: Op, names: list[str], opset: int) -> dict[str, Any]:
    """Return a node's attributes with their defaults; constant inputs count as attributes, whatever the opset."""
    attrs = _defaults(op, opset) | dict(node.attrs)
    for name, value in zip(names, node.inputs, strict=True):
        if isinstance(value, gs.Constant):
            attrs[name] = plain(value.values)
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in attrs.items()}


def _defaults(op: Op, opset: int) -> dict[str, Any]:
    """Return the defaults of an op's attributes: those of ONNX's schema, or those that the op states."""
    if not op.standard:
        return dict(op.defaults)
    known = onnx.defs.get_schema(op.name, opset).attributes.items()
    values = {name: each.default_value for name, each in known if each.default_value.type}
    return {name: onnx.helper.get_attribute_value(value) for name, value in values.items()}


def plain(values: Array) -> Any:
    """Return a Python number for a single element, a tuple for a vector of integers, else the array."""
    if values.ndim == 0:
        return values.item()
    return tuple(values.tolist()) if values.ndim == 1 and values.dtype.kind in "iu" else values


def beside(node: gs.Node, op: Op, opset: int) -> dict[str, str]:
    """Return the names of the further outputs that the facts read, by their ONNX names."""
    return {onnx.defs.get_schema(op.name, opset).outputs[i].name: node.outputs[i].name for i in op.beside}
