"""Standard forms of operators on blocked tensors, of the domain com.microsoft.nchwc.

onnxruntime lays a tensor out in blocks of b channels, [N, C/b, H, W, b] where [N, C, H, W] is stated, with channels of
zeros up to a multiple of b. Weights [O, I, kh, kw] are stored in blocks, too, in one of two ways:

    [O/b, I/b, kh, kw, b of I, b of O]    where the input of the convolution is blocked
    [O/b, I,   kh, kw, b of O]            where it is not, which has fewer channels than a block, or each is by itself

The forms compute the same on plain tensors of the shapes that are stated, padding channels included. b depends on the
processor, and nothing in the file tells it: such a file is right only on processors like the one that it was written
on. What counts is what onnxruntime makes of it here, so b is asked of onnxruntime.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from onnxplain.errors import RuntimeRefusalError
from onnxplain.graph.runtime import open_session
from onnxplain.passes.contrib.convolution import WINDOW, convolved
from onnxplain.passes.contrib.form import CannotError, Fused, integers, standard

if TYPE_CHECKING:
    from onnxplain.arrays import Array

NCHWC = "com.microsoft.nchwc"
_WIDEST = 64
"""More channels than any block has."""


@cache
def block() -> int:
    """Return how many channels onnxruntime lays side by side here; 0 where it does not know such operators.

    Of a tensor [1, _WIDEST, 1, 2] that holds the number of each element's channel at place 0 and -1 at place 1, the
    first block of place 0 is what stands before the first -1.
    """
    graph = helper.make_graph(
        [helper.make_node("ReorderInput", ["x"], ["y"], domain=NCHWC)],
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, _WIDEST, 1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(NCHWC, 1)]
    x = np.full((1, _WIDEST, 1, 2), -1, np.float32)
    x[0, :, 0, 0] = np.arange(_WIDEST)
    try:
        session = open_session(helper.make_model(graph, opset_imports=opsets, ir_version=8))
        return int(np.argmax(session.run(None, {"x": x})[0].ravel() < 0))
    except RuntimeRefusalError:
        return 0


def _known_block() -> int:
    """Return `block()`. Raises CannotError where it is 0."""
    if not block():
        raise CannotError("onnxruntime has no kernel for it on this processor")
    return block()


def plain_weights(blocked: Array, groups: int) -> Array:
    """Return the weights [O, I, kh, kw] of a convolution, which are stored in blocks under the same shape.

    groups: of the convolution. Raises CannotError where the shape holds no whole number of blocks.
    """
    size = _known_block()
    outputs, inputs, *kernel = blocked.shape
    alone = inputs == 1 and groups == outputs
    if len(kernel) != 2 or outputs % size or (inputs >= size and inputs % size):
        raise CannotError(f"its weights {list(blocked.shape)} do not fit into blocks of {size} channels")
    if alone or inputs < size:
        parts = blocked.reshape(outputs // size, inputs, *kernel, size)
        return np.ascontiguousarray(parts.transpose(0, 4, 1, 2, 3)).reshape(blocked.shape)
    parts = blocked.reshape(outputs // size, inputs // size, *kernel, size, size)
    return np.ascontiguousarray(parts.transpose(0, 5, 1, 4, 2, 3)).reshape(blocked.shape)


@standard("Conv", "X W B Sum -> Y", NCHWC, group=1)
def _conv(n: Fused) -> str:
    n.weights["W"] = plain_weights(n.values("W"), n["group"])
    return convolved(n, "X", "Y", added="Sum")


@standard("MaxPool", "X -> Y", NCHWC, ceil_mode=0)
def _max_pool(n: Fused) -> str:
    return f"Y = MaxPool {n.passed(*WINDOW, 'ceil_mode')} (X)"


@standard("AveragePool", "X -> Y", NCHWC, ceil_mode=0, count_include_pad=0)
def _average_pool(n: Fused) -> str:
    return f"Y = AveragePool {n.passed(*WINDOW, 'ceil_mode', 'count_include_pad')} (X)"


@standard("GlobalAveragePool", "X -> Y", NCHWC)
def _global_average_pool(_n: Fused) -> str:
    return "Y = GlobalAveragePool (X)"


@standard("GlobalMaxPool", "X -> Y", NCHWC)
def _global_max_pool(_n: Fused) -> str:
    return "Y = GlobalMaxPool (X)"


@standard("ReorderInput", "X -> Y", NCHWC, channels_last=0)
def _reorder_input(n: Fused) -> str:
    """Return the form: channels come first, and zeros fill the last block."""
    missing = -n.size("X", -1 if n["channels_last"] else 1) % _known_block()
    first = "Transpose <perm: ints = [0, 3, 1, 2]> (X)" if n["channels_last"] else "Identity (X)"
    if not missing:
        return f"Y = {first}"
    return f"""{integers("Pads", 0, 0, 0, 0, 0, missing, 0, 0)}
        First = {first}
        Y = Pad (First, Pads)"""


@standard("ReorderOutput", "X -> Y", NCHWC, channels_last=0, channels=0)
def _reorder_output(n: Fused) -> str:
    """Return the form: the first `channels` channels are kept, in their place or as the last axis."""
    lines = f"""{integers("Zero", 0)}{integers("Kept", n["channels"])}{integers("Axis", 1)}
        Real = Slice (X, Zero, Kept, Axis)"""
    return f"""{lines}
        Y = {"Transpose <perm: ints = [0, 2, 3, 1]>" if n["channels_last"] else "Identity"} (Real)"""


@standard("Upsample", "X -> Y", NCHWC, mode="nearest", coordinate_transformation_mode="asymmetric")
def _upsample(n: Fused) -> str:
    """Return the form: whole factors; the nearest neighbour is the one to the left."""
    scales = [float(each) for each in n["scales"] or ()]
    if n["mode"] not in ("nearest", "linear") or len(scales) != 4:
        raise CannotError("its mode or its scales are not known")
    nearest = ', nearest_mode = "floor"' if n["mode"] == "nearest" else ""
    how = f'mode = "{n["mode"]}", coordinate_transformation_mode = "{n["coordinate_transformation_mode"]}"{nearest}'
    return f"""
        Scales = Constant <value_floats: floats = {scales}> ()
        Y = Resize <{how}> (X, , Scales)"""
