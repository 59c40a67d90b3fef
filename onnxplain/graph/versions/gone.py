"""Operators that ONNX once had on trial and dropped in opset 10. onnxruntime still runs them in files older than that.

    ImageScaler         scale · x + bias, with one bias a channel
    Affine              alpha · x + beta
    Scale               scale · x
    ScaledTanh          alpha · tanh(beta · x)
    ParametricSoftplus  alpha · log(1 + exp(beta · x))
    ThresholdedRelu     as it was taken up in opset 10

All of them take float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto

from onnxplain.errors import BadInputError
from onnxplain.graph.versions.edit import become, take, title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnx import NodeProto

    from onnxplain.graph.versions.edit import Around


def _image_scaler(node: NodeProto, around: Around) -> None:
    bias = take(node, "bias", AttributeProto.FLOATS)
    if bias is None:
        raise BadInputError(f"{title(node)} has no bias")
    scaled = around.add("Mul", [node.input[0], _number(node, around, "scale", 1.0)], "scaled")
    become(node, "Add", [scaled, around.constant(np.reshape(bias, (-1, 1, 1)), np.float32, "bias")])


def _affine(node: NodeProto, around: Around) -> None:
    alpha, beta = (_number(node, around, name, default) for name, default in (("alpha", 1.0), ("beta", 0.0)))
    become(node, "Add", [around.add("Mul", [node.input[0], alpha], "scaled"), beta])


def _scale(node: NodeProto, around: Around) -> None:
    become(node, "Mul", [node.input[0], _number(node, around, "scale", 1.0)])


def _curve(op: str) -> Callable[[NodeProto, Around], None]:
    """Return the adapter of alpha · op(beta · x)."""

    def adapter(node: NodeProto, around: Around) -> None:
        alpha, beta = (_number(node, around, name, None) for name in ("alpha", "beta"))
        curve = around.add(op, [around.add("Mul", [node.input[0], beta], "scaled")], "curve")
        become(node, "Mul", [curve, alpha])

    return adapter


def _thresholded(node: NodeProto, around: Around) -> None:
    """Leave the node as it is."""


def _number(node: NodeProto, around: Around, name: str, default: float | None) -> str:
    """Return the name of a constant with the value of an attribute."""
    value = take(node, name, AttributeProto.FLOAT, default)
    if value is None:
        raise BadInputError(f"{title(node)} has no {name}")
    return around.constant(value, np.float32, name)


DROPPED = 10
"""The opset in which these operators were dropped."""

GONE: Mapping[str, Callable[[NodeProto, Around], None]] = {
    "Affine": _affine,
    "ImageScaler": _image_scaler,
    "ParametricSoftplus": _curve("Softplus"),
    "Scale": _scale,
    "ScaledTanh": _curve("Tanh"),
    "ThresholdedRelu": _thresholded,
}
"""By operator, what brings a node of it to the newest opset."""
