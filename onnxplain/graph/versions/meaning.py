"""Operators whose meaning changed from one version to the next, or that are called otherwise since then.

Softmax, LogSoftmax, Hardmax 13   normalised all axes from `axis` on together: y = softmax(flatten(x, axis))
Upsample 10, Resize 11            sampled at i / scale; the nearest value was ⌊i / scale⌋, or ⌈i / scale⌉ of axes
                                  that shrink, as onnxruntime has it
GroupNormalization 21             one scale and one bias a group, which now are one a channel
BatchNormalization 9              a mean for each activation, by spatial=0; 14: outputs in training
Dropout 10, 12                    a mask of zeros in the data's type, then one of False; now it is True
RoiAlign 16                       no shift by half a pixel, which is the default now
GridSample 20                     the modes were called bilinear and bicubic
Scatter 11                        is called ScatterElements
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.versions.edit import become, put, take, title

if TYPE_CHECKING:
    from onnx import NodeProto

    from onnxplain.graph.versions.edit import Around

_INT, _FLOAT, _STRING = AttributeProto.INT, AttributeProto.FLOAT, AttributeProto.STRING


def rows(node: NodeProto, around: Around) -> None:
    """Softmax and its kin: flatten, normalise the rows, and restore the shape. The pass row_softmax simplifies this."""
    axis, x = take(node, "axis", _INT, 1), node.input[0]
    put(node, axis=-1)
    if axis != -1:
        node.input[0] = around.add("Flatten", [x], "rows", axis=axis)
        around.then("Reshape", node, [around.add("Shape", [x], "shape")])


def sampling(node: NodeProto, around: Around) -> None:
    """Resize 10, and Upsample, which is the same.

    Rounding differs between axes that grow and axes that shrink, so the nearest value is taken in two steps, of which
    one leaves the axes alone that the other changes. Either is dropped where it is known to change nothing.
    """
    x, scales = node.input[:2]
    mode = take(node, "mode", _STRING, b"nearest")
    if mode != b"nearest":
        become(node, "Resize", [x, "", scales], mode=mode, coordinate_transformation_mode="asymmetric")
        return
    one = around.constant(1.0, np.float32, "one")
    growth, shrinkage = (around.add(op, [scales, one], part) for op, part in (("Max", "growth"), ("Min", "shrinkage")))
    given = {"mode": mode, "coordinate_transformation_mode": "asymmetric"}
    shrunk = around.add("Resize", [x, "", shrinkage], "shrunk", nearest_mode="ceil", **given)
    become(node, "Resize", [shrunk, "", growth], nearest_mode="floor", **given)


def upsample(node: NodeProto, around: Around) -> None:  # noqa: ARG001  # all adapters take the same
    """Upsample 9 is Resize 10 under another name."""
    node.op_type = "Resize"


def groups(node: NodeProto, around: Around) -> None:
    """GroupNormalization 18 is InstanceNormalization, with groups in the place of channels."""
    x, scale, bias = node.input[:3]
    count = take(node, "num_groups", _INT)
    epsilon = take(node, "epsilon", _FLOAT, 1e-5)
    rows = around.add("Reshape", [x, around.constant([0, count, -1], np.int64, "groups")], "grouped")
    become(node, "InstanceNormalization", [rows, scale, bias], epsilon=epsilon)
    around.then("Reshape", node, [around.add("Shape", [x], "shape")])


def spatial(node: NodeProto, around: Around) -> None:
    """BatchNormalization 7. With spatial=0, y = (x - mean) / √(var + ε) · scale + B, each of the shape of one row."""
    if take(node, "spatial", _INT, 1) or any(node.output[1:]):
        return
    x, scale, bias, mean, var = node.input
    epsilon = around.like(take(node, "epsilon", _FLOAT, 1e-5), var, "epsilon")
    deviation = around.add("Sqrt", [around.add("Add", [var, epsilon], "variance")], "deviation")
    normal = around.add("Div", [around.add("Sub", [x, mean], "centred"), deviation], "normal")
    become(node, "Add", [around.add("Mul", [normal, scale], "scaled"), bias])


def inference(node: NodeProto, around: Around) -> None:  # noqa: ARG001
    """BatchNormalization 9 normalised by the batch at hand where it had more outputs than one."""
    if any(node.output[1:]):
        raise UnsupportedModelError(
            f"{title(node)} was exported for training: it has {len(node.output)} outputs, and normalises by the rows "
            "that it is given. Exporting the model for inference would help"
        )
    del node.output[1:]


def zeros(node: NodeProto, around: Around) -> None:
    """Dropout 7: its mask is that of Dropout 10 as numbers."""
    if any(node.output[1:]):
        around.then("CastLike", node, [node.input[0]], at=1)


def nothing_kept(node: NodeProto, around: Around) -> None:
    """Dropout 10: its mask is the opposite of the one today, as onnxruntime has it."""
    take(node, "ratio", _FLOAT)
    if any(node.output[1:]):
        around.then("Not", node, at=1)


def shift(node: NodeProto, around: Around) -> None:  # noqa: ARG001
    """RoiAlign 10."""
    put(node, coordinate_transformation_mode="output_half_pixel")


def mode(node: NodeProto, around: Around) -> None:  # noqa: ARG001
    """GridSample 16."""
    given = take(node, "mode", _STRING, b"bilinear")
    put(node, mode={b"bilinear": b"linear", b"bicubic": b"cubic"}.get(given, given))


def scatter(node: NodeProto, around: Around) -> None:  # noqa: ARG001
    """Scatter 9."""
    node.op_type = "ScatterElements"
