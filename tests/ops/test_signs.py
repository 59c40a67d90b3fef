"""What is said never to be below 0, or never above it, never is where onnxruntime computes it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from one import one

from onnxplain.ops.signs import ANY, JOIN, MULTIPLY, NONNEGATIVE, REARRANGE, Sign, output_sign

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("f")


X, IMAGE, PAIR = normal(4, 6), normal(2, 4, 6, 6), (normal(4, 6), normal(4, 6))
KERNEL, INVERSE = normal(4, 4, 3, 3), normal(4, 4, 3, 3)
AXES, SHAPE = np.array([1]), np.array([6, 4])
NODES = {
    **{
        op: one(op, X)
        for op in ("Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exp", "Abs", "Neg", "Identity")
    },
    "Sqrt": one("Sqrt", abs(X)),
    **{op: one(op, *PAIR) for op in ("Add", "Sum", "Sub", "Mul", "Div", "Max", "Min")},
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
    **{op: one(op, X) for op in ("Elu", "LeakyRelu", "Tanh", "Gelu", "HardSwish", "Selu")},
    "Sin": one("Sin", 4 * X),
    "Pow": one("Pow", X, np.array(3.0, "f")),
}
UP, DOWN, ZERO = Sign(nonnegative=True), Sign(nonpositive=True), Sign(True, True)
GIVEN = {UP: abs, DOWN: lambda v: -abs(v), ANY: lambda v: v, ZERO: np.zeros_like}


def signed(node, signs):
    """The node with floating inputs of these signs, taken in turn."""
    turn = iter(signs)
    inputs = [GIVEN[next(turn)](v) if v.dtype.kind == "f" else v for v in node.inputs]
    attributes = {a.name: a for a in node.proto.attribute}
    again = one(node.proto.op_type, *inputs)
    again.proto.attribute.extend(attributes.values())
    again.__post_init__()
    return again


def found(values):
    return Sign(bool((values >= 0).all()), bool((values <= 0).all()))


def holds(said, seen):
    """Whether nothing is said that is not seen."""
    return all(there or not claimed for claimed, there in zip(said, seen, strict=True))


def test_every_op_of_the_lists_is_tried():
    assert set(NODES) == NONNEGATIVE | JOIN | MULTIPLY | REARRANGE | {"Sub", "Max", "Min", "Neg"}


@pytest.mark.parametrize("op", NODES)
def test_what_is_said_of_a_sign_is_so(op):
    """For every choice of the signs that the inputs have, zeros too, but where they would divide."""
    node = NODES[op]
    count = sum(v.dtype.kind == "f" for v in node.inputs)
    for signs in product((UP, DOWN, ANY, ZERO), repeat=count):
        if (op == "Div" and signs[1] == ZERO) or (op == "Sqrt" and signs[0] != UP):
            continue
        given = iter(signs)
        known = [next(given) if v.dtype.kind == "f" else ANY for v in node.inputs]
        said = output_sign(op, known)
        assert holds(said, found(signed(node, signs).runtime()[0])), f"{signs}: {said}"


@pytest.mark.parametrize("op", sorted(JOIN | MULTIPLY | REARRANGE | {"Max", "Min"}))
def test_where_nothing_is_negative_nothing_negative_comes_out(op):
    assert output_sign(op, [UP] * len(NODES[op].inputs)).nonnegative


@pytest.mark.parametrize("op", sorted(MULTIPLY))
def test_a_product_of_two_opposites_is_not_positive_and_of_two_negatives_not_negative(op):
    assert output_sign(op, [UP, DOWN]) == output_sign(op, [DOWN, UP]) == DOWN
    assert output_sign(op, [DOWN, DOWN]) == UP
    assert output_sign(op, [DOWN, ANY]) == output_sign(op, [ANY, UP]) == ANY


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose", "Gemm"])
def test_a_bias_is_added_to_the_products(op):
    assert output_sign(op, [DOWN, DOWN, UP]) == UP
    assert output_sign(op, [DOWN, DOWN, DOWN]) == output_sign(op, [UP, UP, ANY]) == ANY
    assert output_sign(op, [UP, DOWN, None]) == DOWN


def test_smaller_larger_difference_and_opposite():
    assert output_sign("Min", [ANY, ZERO]) == DOWN
    assert output_sign("Max", [ANY, ZERO]) == UP
    assert output_sign("Sub", [UP, DOWN]) == UP
    assert output_sign("Neg", [UP]) == DOWN


@pytest.mark.parametrize("op", OTHERS)
def test_of_what_may_have_either_sign_nothing_is_said(op):
    assert found(OTHERS[op].runtime()[0]) == ANY
    assert output_sign(op, [UP, UP]) == ANY


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (0.5, 2.0), (-2.0, -1.0), (None, 3.0), (None, -0.5), (1.0, -1.0)]
)
def test_a_clip_has_the_signs_of_its_bounds(low, high):
    node = one("Clip", X, *(None if v is None else np.array(v, "f") for v in (low, high)))
    known = [ANY, *(None if v is None else found(np.array(v)) for v in (low, high))]
    assert output_sign("Clip", known) == found(node.runtime()[0])


def test_a_clip_without_bounds_clips_nothing():
    assert output_sign("Clip", [UP]) == ANY
