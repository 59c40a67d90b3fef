"""Attributes that became inputs, or that an operator now wants to be stated: the meaning stays.

Squeeze, Unsqueeze, ReduceSum 13    axes          other Reduce operators 18    axes
Slice 10                            starts, ends, axes
Pad 11                              pads, value   Clip 11                      min, max
Split 13                            split         Split 18                     num_outputs, where sizes are not given
TopK 10                             k             Upsample 9                   scales
DFT 20                              axis          Dropout 12                   ratio, which inference does not use
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto

from onnxplain.errors import BadInputError
from onnxplain.graph.versions.edit import put, take, title

if TYPE_CHECKING:
    from onnx import NodeProto

    from onnxplain.graph.versions.edit import Around

_INT, _INTS, _FLOAT, _FLOATS = (getattr(AttributeProto, kind) for kind in ("INT", "INTS", "FLOAT", "FLOATS"))


def axes(node: NodeProto, around: Around) -> None:
    """Squeeze, Unsqueeze and the Reduce operators. An empty list of axes means all of them, but none to Unsqueeze."""
    given = take(node, "axes", _INTS, ())
    if len(given) or node.op_type == "Unsqueeze":
        node.input.append(around.constant(given, np.int64, "axes"))


def bounds(node: NodeProto, around: Around) -> None:
    """Slice. Without axes, the bounds are those of the first axes."""
    starts, ends = (take(node, name, _INTS, ()) for name in ("starts", "ends"))
    axes = take(node, "axes", _INTS) or range(len(starts))
    if not len(starts) == len(ends) == len(axes):
        raise BadInputError(f"{title(node)} has {len(starts)} starts, {len(ends)} ends and {len(axes)} axes")
    for part, values in (("starts", starts), ("ends", ends), ("axes", axes)):
        node.input.append(around.constant(list(values), np.int64, part))


def pads(node: NodeProto, around: Around) -> None:
    """Pad. The value gets the dtype of the data."""
    node.input.append(around.constant(take(node, "pads", _INTS, ()), np.int64, "pads"))
    if value := take(node, "value", _FLOAT, 0.0):
        node.input.append(around.like(value, node.input[0], "value"))


def limits(node: NodeProto, around: Around) -> None:
    """Clip. The limits get the dtype of the data."""
    low, high = (take(node, name, _FLOAT) for name in ("min", "max"))
    if low is not None or high is not None:
        node.input.append("" if low is None else around.like(low, node.input[0], "min"))
    if high is not None:
        node.input.append(around.like(high, node.input[0], "max"))


def sizes(node: NodeProto, around: Around) -> None:
    """Split with sizes."""
    if given := take(node, "split", _INTS):
        node.input.append(around.constant(given, np.int64, "split"))


def parts(node: NodeProto, around: Around) -> None:  # noqa: ARG001  # all adapters take the same
    """Split without sizes."""
    if len(node.input) < 2 or not node.input[1]:
        put(node, num_outputs=len(node.output))


def count(node: NodeProto, around: Around) -> None:
    """TopK."""
    k = take(node, "k", _INT)
    if k is None:
        raise BadInputError(f"{title(node)} does not say how many elements it returns: its attribute 'k' is missing")
    node.input.append(around.constant([k], np.int64, "k"))


def scales(node: NodeProto, around: Around) -> None:
    """Upsample."""
    node.input.append(around.constant(take(node, "scales", _FLOATS, ()), np.float32, "scales"))


def axis(node: NodeProto, around: Around) -> None:
    """DFT. By default, the axis was the one behind the batch."""
    node.input.extend([""] * (2 - len(node.input)))
    node.input.append(around.constant(take(node, "axis", _INT, 1), np.int64, "axis"))


def ratio(node: NodeProto, around: Around) -> None:  # noqa: ARG001
    """Dropout in inference returns what it reads."""
    take(node, "ratio", _FLOAT)
