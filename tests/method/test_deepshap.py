"""DeepSHAP: Shapley values by all coalitions where it is exact, and walks that stay within the budget."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from nets import network, node, relu_cnn
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.engines.eager import EagerEngine

FEATURES = 4
RNG = np.random.default_rng(0)
WEIGHTS = {"w": RNG.normal(size=(FEATURES, 3)), "a": RNG.normal(size=FEATURES), "b": RNG.normal(size=3)}
X, BASELINES = RNG.normal(size=(2, FEATURES)).astype("f"), RNG.normal(size=(3, FEATURES)).astype("f")
EXACT = {
    "linear": [node("Gemm", "x w b", "y")],
    "separable": [node("Mul", "x a", "s"), node("Tanh", "s", "t"), node("MatMul", "t w", "y")],
    "pairs": [
        node("Split", "x", "p q", axis=1, num_outputs=2),
        node("Mul", "p q", "r"),
        node("Concat", "r p", "t", axis=1),
        node("MatMul", "t w", "y"),
    ],
}


def shapley(f, x, baselines):
    """The mean over baselines of the Shapley values of f on coalitions whose other features are the baseline's."""
    values = np.zeros(len(x))
    for still in baselines:
        for i in range(len(x)):
            others = [j for j in range(len(x)) if j != i]
            for size in range(len(x)):
                for coalition in combinations(others, size):
                    without = still.copy()
                    without[list(coalition)] = x[list(coalition)]
                    joined = without.copy()
                    joined[i] = x[i]
                    values[i] += (f(joined) - f(without)) / (len(x) * comb(len(x) - 1, size) * len(baselines))
    return values


@pytest.mark.parametrize("name", EXACT)
def test_it_is_exact_without_interaction_or_with_products_of_two(name):
    weights = {name: value.astype("f") for name, value in WEIGHTS.items()}
    model = network(EXACT[name], X.shape, weights)
    run = ReferenceEvaluator(network(EXACT[name], X.shape, {n: v.astype(float) for n, v in weights.items()})).run
    e = ox.explain(ox.load(model, precision="float64"), X, "deepshap", target=1, baseline=BASELINES)
    want = [shapley(lambda z: run(None, {"x": z[None]})[0][0, 1], x, BASELINES.astype(float)) for x in X.astype(float)]
    np.testing.assert_allclose(e.attribution, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("of", ["deeplift", "deeplift.reveal_cancel"])
def test_it_sums_to_the_score_less_the_mean_score_of_the_baselines(of):
    model, x = relu_cnn()
    model = ox.load(model, precision="float64")
    baselines = np.random.default_rng(3).normal(size=(4, *x.shape[1:])).astype("f")
    e = ox.explain(model, x, "deepshap", target=2, baseline=baselines, of=of)
    mean = ox.explain(model, baselines, "gradient", target=2).score.mean()
    np.testing.assert_allclose(e.attribution.sum((1, 2, 3)), e.score - mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(e.delta, 0, atol=1e-9)


def test_pairs_of_a_row_and_a_baseline_go_in_chunks_of_the_budget(monkeypatch):
    model, x = relu_cnn()
    baselines = np.random.default_rng(3).normal(size=(5, *x.shape[1:])).astype("f")
    whole = ox.explain(ox.load(model, precision="float64"), x, "deepshap", target=0, baseline=baselines)
    monkeypatch.setattr(EagerEngine, "rows_that_fit", lambda *_: 4)
    explainer = ox.Explainer(ox.load(model, precision="float64"), "deepshap")
    engine, rows = explainer.method.walk.engine, []
    step = engine.walk

    def walk(asked):
        rows.append(len(asked.feeds["x"]))
        return step(asked)

    monkeypatch.setattr(engine, "walk", walk)
    parts = explainer(x, target=0, baseline=baselines)
    assert max(rows) == 4 and sum(rows) == len(x) * len(baselines)
    np.testing.assert_allclose(parts.attribution, whole.attribution, atol=1e-12)
