"""An engine that was asked before says what a new one would: each answer is computed by hand here.

z = x w, r = relu(z), y = r v. The multipliers of DeepLIFT through the ReLU are (r - r₀) / (z - z₀).
"""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.engines.base import WalkRequest
from onnxplain.engines.forward import RuntimeForward
from onnxplain.walk.objective import Objective

RNG = np.random.default_rng(2)
W, V = RNG.normal(size=(4, 6)).astype("f"), RNG.normal(size=(6, 3)).astype("f")
X = RNG.normal(size=(2, 4)).astype("f")
ENGINES = ["onnxruntime", "numpy"]


def explainer(engine, method, **options):
    nodes = [node("MatMul", "x w", "z"), node("Relu", "z", "r"), node("MatMul", "r v", "y")]
    return ox.Explainer(ox.load(network(nodes, X.shape, {"w": W, "v": V}), engine=engine), method, **options)


def contributions(x, x0, out):
    """(x - x₀) times the multipliers of the number that the column `out` makes of r."""
    z, z0 = x @ W, x0 @ W
    quotient = (np.maximum(z, 0) - np.maximum(z0, 0)) / (z - z0)
    return (x - x0) * ((quotient * out) @ W.T)


def gradient(x, seed):
    """The derivative of Σ seed y."""
    return ((x @ W > 0) * (seed @ V.T)) @ W.T


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_baseline_is_the_one_that_is_compared_with(engine):
    deeplift = explainer(engine, "deeplift")
    for still in (0.5, -1.0, RNG.normal(size=4).astype("f"), RNG.normal(size=X.shape).astype("f"), 0.5):
        found = deeplift(X, target=1, baseline=still)
        np.testing.assert_allclose(found.attribution, contributions(X, X * 0 + still, V[:, 1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_baseline_that_is_written_into_is_another_one(engine):
    """The engine is given the caller's own arrays."""
    method = explainer(engine, "deeplift").method
    still = np.full_like(X, 0.5)
    for value in (0.5, -0.25):
        still[:] = value
        request = WalkRequest(method.plan, Objective((1, 1), None, "one"), {"x": X}, {"x": still})
        found = method.engine.walk(request)
        due = contributions(X, X * 0 + value, V[:, 1])
        np.testing.assert_allclose((X - value) * found.arrived, due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_neuron_after_a_class_and_a_class_after_a_neuron(engine):
    deeplift, still = explainer(engine, "deeplift", baseline=0.5), np.full_like(X, 0.5)
    unit = np.eye(6, dtype="f")
    found = deeplift(X, ox.Neuron("z", 3)).attribution  # before the ReLU, whose values the others read
    np.testing.assert_allclose(found, (X - still) * W[:, 3], rtol=1e-4, atol=1e-5)
    for target, out in ((ox.Neuron("r", 3), unit[3]), (0, V[:, 0]), (ox.Neuron("r", 1), unit[1]), (2, V[:, 2])):
        due = contributions(X, still, out)
        np.testing.assert_allclose(deeplift(X, target=target).attribution, due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_values_inside_in_turn(engine):
    """What the walk from one value reads is not all that the walk from another one needs."""
    walked, active = explainer(engine, "gradient"), X @ W > 0
    assert active[:, 1].tolist() == [False, True]
    for _ in range(2):
        np.testing.assert_allclose(walked(X, target=1).attribution, gradient(X, np.eye(3)[[1, 1]]), rtol=1e-4)
        np.testing.assert_allclose(walked(X, ox.Neuron("z", 1)).attribution, [W[:, 1]] * 2, rtol=1e-5)
        np.testing.assert_allclose(walked(X, ox.Neuron("r", 1)).attribution, active[:, 1:2] * W[:, 1], rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_seeds_in_turn(engine):
    """What each seed is, by its name."""
    walked, one = explainer(engine, "gradient"), np.eye(3)[[1, 1]]
    scores = np.maximum(X @ W, 0) @ V
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    seeds = {
        "one": one,
        "logit": one * scores,
        "probability": one * p,
        "contrast": one - (1 - one) / 2,
        "softmax": p[:, 1:2] * (one - p),
    }
    for name in [*seeds, *seeds]:
        found = walked(X, target=1, seed=name).attribution
        np.testing.assert_allclose(found, gradient(X, seeds[name]), rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_session_has_the_shapes_that_are_asked_for():
    forward = RuntimeForward(explainer("numpy", "gradient").method.canonical.graph)
    for name, size in (("r", 6), ("y", 3), ("r", 6)):
        values, shapes = forward.run({"x": X}, ["z"], [name])
        np.testing.assert_allclose(values["z"], X @ W, rtol=1e-5)
        assert shapes == {name: (2, size)}
