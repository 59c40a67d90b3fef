"""Roots at 0: of a variance or a norm they have the slope 0, as frameworks take it; of |u| and the like none."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.errors import NumericalError

SQUARE, CUBE = node("Mul", "x x", "s"), [node("Abs", "x", "a"), node("Pow", "a three", "s")]
TOTAL = node("ReduceSum", "s last", "v", keepdims=0)
DEVIATION = [node("ReduceMean", "x last", "m", keepdims=1), node("Sub", "x m", "d"), node("Mul", "d d", "s")]
SIZE = [node("Shape", "x", "n", start=2), node("CastLike", "n three", "f"), node("Div", "v f", "w")]
FORMS = {
    "standard deviation": [*DEVIATION, TOTAL, node("Div", "v five", "w"), node("Sqrt", "w", "r")],
    "by a computed size": [*DEVIATION, TOTAL, *SIZE, node("Sqrt", "w", "r")],
    "norm": [node("ReduceL2", "x last", "r", keepdims=0)],
    "root of squares": [SQUARE, TOTAL, node("Pow", "v half", "r")],
    "a root of 2.000001": [SQUARE, TOTAL, node("Pow", "v almost", "r")],
    "norm of order 3": [*CUBE, TOTAL, node("Pow", "v third", "r")],
    "of even powers": [node("Pow", "x four", "s"), TOTAL, node("Sqrt", "v", "r")],
    "behind a ReLU": [node("Relu", "x", "s"), TOTAL, node("Sqrt", "v", "r")],
    "behind a Clip": [node("Clip", "x nought six", "s"), TOTAL, node("Sqrt", "v", "r")],
    "of the largest": [SQUARE, node("ReduceMax", "s last", "v", keepdims=0), node("Sqrt", "v", "r")],
    "held below": [*DEVIATION, TOTAL, node("Clip", "v tiny six", "w"), node("Sqrt", "w", "r")],
}
CUSPS = {
    "of a magnitude": [node("Abs", "x", "s"), TOTAL, node("Sqrt", "v", "r")],
    "fourth of a square": [SQUARE, TOTAL, node("Pow", "v quarter", "r")],
    "of what need not touch 0": [node("ReduceSum", "x last", "v", keepdims=0), node("Sqrt", "v", "r")],
}
NUMBERS = {
    "three": 3.0, "four": 4.0, "five": 5.0, "half": 0.5, "almost": 0.49999976, "third": 1 / 3, "quarter": 0.25,
    "nought": 0.0, "six": 6.0, "tiny": 1e-5,
}  # fmt: skip
WAYS = ({}, {"engine": "numpy"}, {"precision": "float64"})
X = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("f")
FLAT = (0, 2)
X[FLAT] = 0
POSITIVE = np.abs(X)


def model(nodes, dtype="f"):
    nodes = [*nodes, node("MatMul", "r head", "y")]
    known = {name: np.array(value, "f").astype(dtype) for name, value in NUMBERS.items()}
    known |= {"last": np.array([2]), "head": np.random.default_rng(1).normal(size=(4, 3)).astype("f").astype(dtype)}
    used = {name for each in nodes for name in each.input}
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, "T"])]
    return network(nodes, None, {name: value for name, value in known.items() if name in used}, inputs=inputs)


@pytest.mark.parametrize("name", FORMS)
def test_the_slope_is_0_where_nothing_varies_and_the_derivative_elsewhere(name):
    proto = model(FORMS[name])
    evaluator, step = ReferenceEvaluator(model(FORMS[name], "d")), 1e-5
    for way in WAYS:
        found = ox.explain(ox.load(proto, **way), X, "gradient", 1).attribution
        assert not found[FLAT].any()
        v = np.random.default_rng(2).normal(size=X.shape)
        v[FLAT] = 0
        after, before = (evaluator.run(None, {"x": X + side * step * v})[0][:, 1] for side in (1, -1))
        np.testing.assert_allclose((found * v).sum((1, 2)), (after - before) / (2 * step), rtol=1e-4)


@pytest.mark.parametrize("name", CUSPS)
def test_a_root_without_a_slope_is_named(name):
    for way in WAYS:
        with pytest.raises(NumericalError, match=r"(Sqrt|Pow) \(node 'r'\).*NaN or Inf"):
            ox.explain(ox.load(model(CUSPS[name]), **way), POSITIVE, "gradient", 1)


@pytest.mark.parametrize("name", [*FORMS, *CUSPS])
def test_deeplift_completes_where_input_and_baseline_are_both_flat(name):
    for way in WAYS:
        e = ox.explain(ox.load(model((FORMS | CUSPS)[name]), **way), POSITIVE, "deeplift", 1)
        assert np.abs(e.delta).max() < 1e-5 * np.abs(e.attribution).sum((1, 2)).min()
        assert not e.attribution[FLAT].any()
