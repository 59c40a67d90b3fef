"""Swish is run as a sigmoid and a product, in any width, with any α, and stays what it is where it is walked."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.passes import detach_weights, double

X = np.random.default_rng(0).normal(size=(3, 8), scale=3).astype("f")
W = np.random.default_rng(1).normal(size=(8, 4)).astype("f")


def swish(**attrs):
    return network([node("Swish", "x", "s", **attrs), node("Gemm", "s w", "y")], [None, 8], {"w": W})


@pytest.mark.parametrize("attrs", [{}, {"alpha": 1.702}, {"alpha": -0.5}])
@pytest.mark.parametrize("width", [np.float32, np.float64])
def test_what_runs_is_what_the_standard_says(attrs, width):
    file = swish(**attrs)
    graph = ox.load(file).canonical.graph
    assert "Swish" in {each.op for each in graph.nodes}
    proto, _ = detach_weights(graph if width == np.float32 else double(graph))
    assert "Swish" not in {each.op_type for each in proto.graph.node}
    onnx.checker.check_model(proto)
    wanted = ReferenceEvaluator(file).run(None, {"x": X})[0]
    found = ReferenceEvaluator(proto).run(None, {"x": X.astype(width)})[0]
    assert found.dtype == width
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_slope_of_one_with_another_alpha_is_that_of_finite_differences():
    e = ox.explain(ox.load(swish(alpha=1.702)), X[:1], method="gradient", target=2)
    steps = np.eye(8) * 1e-3

    def score(x):
        return (x / (1 + np.exp(-1.702 * x)) @ W.astype(np.float64))[:, 2]

    x = X[0].astype(np.float64)
    np.testing.assert_allclose(e.attribution[0], (score(x + steps) - score(x - steps)) / 2e-3, rtol=1e-4, atol=1e-5)
