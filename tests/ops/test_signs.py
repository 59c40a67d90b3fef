"""What is said never to be below 0 is never below 0 where onnxruntime computes it."""

from __future__ import annotations

import numpy as np
import pytest
from one import one

from onnxplain.ops.signs import NONNEGATIVE, PASS_SIGNS, REARRANGE, output_is_nonnegative

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("f")


X, IMAGE, PAIR = normal(4, 6), normal(2, 4, 6, 6), (normal(4, 6), normal(4, 6))
KERNEL, INVERSE = normal(4, 4, 3, 3), normal(4, 4, 3, 3)
AXES, SHAPE = np.array([1]), np.array([6, 4])
NODES = {
    **{op: one(op, X) for op in ("Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exp", "Abs", "Identity")},
    "Sqrt": one("Sqrt", abs(X)),
    **{op: one(op, *PAIR) for op in ("Add", "Sum", "Mul", "Div", "Max")},
    "Concat": one("Concat", *PAIR, axis=1),
    "Conv": one("Conv", IMAGE, KERNEL, normal(4)),
    "ConvTranspose": one("ConvTranspose", IMAGE, INVERSE, normal(4)),
    "Gemm": one("Gemm", X, normal(6, 3), normal(3)),
    "MatMul": one("MatMul", X, normal(6, 3)),
    "Einsum": one("Einsum", X, normal(6, 3), equation="ij,jk->ik"),
    "MaxPool": one("MaxPool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "AveragePool": one("AveragePool", IMAGE, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "GlobalAveragePool": one("GlobalAveragePool", IMAGE),
    "GlobalMaxPool": one("GlobalMaxPool", IMAGE),
    "Reshape": one("Reshape", X, SHAPE),
    "Flatten": one("Flatten", X),
    "Transpose": one("Transpose", X),
    "Squeeze": one("Squeeze", X[:, :1], AXES),
    "Unsqueeze": one("Unsqueeze", X, AXES),
    "Slice": one("Slice", X, np.array([1]), np.array([5]), AXES),
    "Gather": one("Gather", X, np.array([2, 0]), axis=1),
    "Expand": one("Expand", X, np.array([2, 4, 6])),
    **{op: one(op, X, AXES) for op in ("ReduceSum", "ReduceMean", "ReduceMax")},
}
OTHERS = {
    **{op: one(op, X) for op in ("Elu", "LeakyRelu", "Tanh", "Gelu", "HardSwish", "Selu", "Sin", "Neg")},
    "Sub": one("Sub", *PAIR),
    "Pow": one("Pow", X, np.array(3.0, "f")),
}


def rectified(node, kept):
    """The node with its floating inputs nonnegative, but for the one at `kept`."""
    inputs = [abs(v) if v.dtype.kind == "f" and i != kept else v for i, v in enumerate(node.inputs)]
    attributes = {a.name: a for a in node.proto.attribute}
    again = one(node.proto.op_type, *inputs)
    again.proto.attribute.extend(attributes.values())
    again.__post_init__()
    return again


def smallest(node):
    return node.runtime()[0].min()


def test_every_op_of_the_lists_is_tried():
    assert set(NODES) == NONNEGATIVE | PASS_SIGNS | REARRANGE


@pytest.mark.parametrize("op", NODES)
@pytest.mark.parametrize("kept", [None, 0, 1, 2])
def test_what_is_said_to_be_nonnegative_is(op, kept):
    """With all inputs nonnegative, and with one of them of either sign."""
    node = rectified(NODES[op], kept)
    known = [v.dtype.kind != "f" or bool((v >= 0).all()) for v in node.inputs]
    said = output_is_nonnegative(op, known)
    assert said or kept is not None, "with nothing negative that goes in, nothing negative comes out"
    assert not said or smallest(node) >= 0


@pytest.mark.parametrize("op", OTHERS)
def test_what_may_be_negative_is_not_said_to_be_nonnegative(op):
    node = rectified(OTHERS[op], None) if op in ("Sub", "Neg", "Sin") else OTHERS[op]
    assert smallest(node) < 0 or op == "Sin"
    assert not output_is_nonnegative(op, [True, True])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (0.5, 2.0), (-2.0, -1.0), (None, 3.0)])
def test_a_clip_is_as_nonnegative_as_its_lower_bound(low, high):
    node = one("Clip", X, *(None if v is None else np.array(v, "f") for v in (low, high)))
    known = [False, None if low is None else low >= 0, high >= 0]
    assert output_is_nonnegative("Clip", known) == (smallest(node) >= 0)


def test_a_clip_without_bounds_clips_nothing():
    assert not output_is_nonnegative("Clip", [True])
