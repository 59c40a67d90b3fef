"""Deconvnet and guided backpropagation at each rectifier, by their formulas; refusal on what is no rectifier."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox

X = np.array([[-2.0, -0.5, 0.0, 0.5, 3.0, 7.0]], "f")
G = np.array([1.5, -2.0, 3.0, -1.0, 2.0, 4.0])
PLUS = np.maximum(G, 0)
RECTIFIERS = {
    "Relu": ({}, (X[0] > 0).astype(float)),
    "LeakyRelu": ({"alpha": 0.1}, np.where(X[0] > 0, 1, np.float64(np.float32(0.1)))),
    "ThresholdedRelu": ({"alpha": 1.0}, (X[0] > 1).astype(float)),
}


def explain(op, method, attrs, **options):
    model = ox.load(network([node(op, "x", "y", **attrs)], X.shape, {}), precision="float64")
    return ox.explain(model, X, method, seed=G, **options).attribution[0]


@pytest.mark.parametrize("op", RECTIFIERS)
def test_the_gates_of_a_rectifier(op):
    attrs, slope = RECTIFIERS[op]
    np.testing.assert_allclose(explain(op, "gradient", attrs), G * slope)
    np.testing.assert_allclose(explain(op, "deconvnet", attrs), PLUS)
    np.testing.assert_allclose(explain(op, "guided_backprop", attrs), PLUS * slope)


def test_the_gates_of_relu6():
    clip = node("Clip", "x low high", "y")
    model = ox.load(network([clip], X.shape, {"low": np.array(0, "f"), "high": np.array(6, "f")}), precision="float64")
    inside = (X[0] > 0) & (X[0] < 6)
    for method, want in (("gradient", G * inside), ("deconvnet", PLUS), ("guided_backprop", PLUS * inside)):
        np.testing.assert_allclose(ox.explain(model, X, method, seed=G).attribution[0], want)


@pytest.mark.parametrize("method", ["deconvnet", "guided_backprop"])
@pytest.mark.parametrize("op", ["Gelu", "HardSwish", "Elu", "Tanh"])
def test_a_smooth_activation_is_refused_unless_forced(op, method):
    with pytest.raises(ox.errors.UnsupportedModelError, match=rf"{op} \(node 'y'\): undefined.*force=True"):
        explain(op, method, {})
    np.testing.assert_allclose(explain(op, method, {}, force=True), explain(op, "gradient", {}))
