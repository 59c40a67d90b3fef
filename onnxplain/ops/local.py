"""Operators whose output at a place of a map depends on the input around that place alone.

A map has the axes [N, C, *places]. Such an operator either slides a window over the places, or computes each place of
the output from the same place of its inputs.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

from onnxplain.ops.elements import by_element

if TYPE_CHECKING:
    from onnxplain.engines.window import Window

PADDING = MappingProxyType({"Conv": 0.0, "MaxPool": -math.inf, "AveragePool": math.nan})
"""The operators that slide a window, with the value of their padding; NaN where padding is left out of a mean."""

_STANDARD = (None, "", "ai.onnx")
_OVER_CHANNELS = ("BatchNormalization", "LRN", "Identity")
"""Operators that compute a place from all channels of their first input there, with a parameter for each channel."""


def kernel_of(node: gs.Node) -> tuple[int, ...] | None:
    """Return the kernel of a node that slides a window; None for another node, and where the weight is computed."""
    if node.op not in PADDING or node.domain not in _STANDARD:
        return None
    if node.op != "Conv":
        return tuple(node.attrs["kernel_shape"])
    weight = node.inputs[1]
    return tuple(weight.values.shape[2:]) if isinstance(weight, gs.Constant) and _constant(node.inputs[2:]) else None


def pads_by_value(node: gs.Node, window: Window) -> bool:
    """Whether the node computes the same of an input that holds the value of its padding around it, without padding."""
    return not math.isnan(PADDING[node.op]) or not any(n > 0 for n in window.before + window.after)


def place_by_place(node: gs.Node, moving: set[str], axes: int) -> bool:
    """Whether each place of the output is computed from that place of the inputs `moving`, maps of so many axes.

    All other inputs are constants that are the same at all places.
    """
    others = [value for value in node.inputs if value.name and value.name not in moving]
    constants = [value.values for value in others if isinstance(value, gs.Constant)]
    if node.domain not in _STANDARD or len(constants) < len(others):
        return False
    if node.op in _OVER_CHANNELS:
        return not node.attrs.get("training_mode")
    if node.op == "Concat":
        return not others and node.attrs["axis"] in (1, -1 - axes)
    return by_element(node) and all(_everywhere(value.shape, axes) for value in constants)


def _constant(values: list[gs.Tensor]) -> bool:
    return all(isinstance(value, gs.Constant) for value in values)


def _everywhere(shape: tuple[int, ...], axes: int) -> bool:
    """Whether a constant of this shape, broadcast to a map, is the same in all rows and at all of its places."""
    return len(shape) <= axes + 2 and all(n == 1 for n in (*shape[-axes:], *shape[: len(shape) - axes - 1]))
