"""What a walk gives has the shape of what it is said to be of."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_layer_whose_first_axis_is_the_time_gets_what_its_transpose_gets(rows, method, engine):
    nodes = [
        node("Sigmoid", "x", "s"), node("Transpose", "s", "t", perm=[1, 0, 2]), node("MatMul", "t w", "o"),
        node("ReduceMean", "o first", "y", keepdims=0),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 5)).astype("f"), "first": np.array([0])}
    model, x = ox.load(network(nodes, (1, 3, 4), weights), engine=engine), rng.normal(size=(rows, 3, 4)).astype("f")
    turned, before = (ox.explain(model, x, method, target=0, layer=name).attribution for name in ("t", "s"))
    assert before.shape == x.shape
    np.testing.assert_array_equal(turned, before)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.filterwarnings("ignore::onnxplain.errors.ConservationWarning")
def test_what_differs_otherwise_than_through_the_layer_takes_its_own_part(engine):
    """h times a gate of x: the multiplier of h is the gate half way between input and baseline, its Shapley value."""
    rng = np.random.default_rng(0)
    w, v, u = (rng.normal(size=(4, 4)).astype("f") for _ in range(3))
    nodes = [
        node("MatMul", "x w", "h"), node("MatMul", "x v", "g"), node("Sigmoid", "g", "s"), node("Mul", "h s", "p"),
        node("Greater", "x zero", "c"), node("Where", "c p zero", "z"), node("MatMul", "z u", "y"),
    ]  # fmt: skip
    model = ox.load(network(nodes, (1, 4), {"w": w, "v": v, "u": u, "zero": np.float32(0)}), engine=engine)
    x, x0 = rng.normal(size=(3, 4)).astype("f"), rng.normal(size=4).astype("f")
    e = ox.explain(model, x, "deeplift", 1, layer="h", baseline=x0)
    middle = (sigmoid(x @ v) + sigmoid(x0 @ v)) / 2, ((x > 0).astype("f") + (x0 > 0)) / 2
    np.testing.assert_allclose(e.attribution, (x @ w - x0 @ w) * middle[0] * middle[1] * u[:, 1], atol=1e-5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
