"""ROAD: imputed pixels solve the paper's equations, and the curves are the scores of what is left."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import linear

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure import imputation
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.imputation import imputed


def solved(x, removed):
    """The equations one by one, solved as a dense system."""
    height, width = removed.shape
    places = [tuple(each) for each in np.argwhere(removed)]
    A, b = np.zeros((len(places), len(places))), np.zeros((len(places), len(x)))
    for row, (i, j) in enumerate(places):
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                beside = i + di, j + dj
                if (di, dj) == (0, 0) or not (0 <= beside[0] < height and 0 <= beside[1] < width):
                    continue
                weight = 1 / 12 if di and dj else 1 / 6
                A[row, row] += weight
                if removed[beside]:
                    A[row, places.index(beside)] -= weight
                else:
                    b[row] += weight * x[:, *beside]
    found = x.astype(float)
    found[:, removed] = np.linalg.solve(A, b).T
    return found


@pytest.mark.parametrize(("sizes", "share"), [((9, 7), 0.5), ((16, 17), 0.9), ((13, 20), 0.2), ((3, 3), 0.8)])
def test_removed_pixels_solve_the_equations(sizes, share, monkeypatch):
    monkeypatch.setattr(imputation, "TOLERANCE", 1e-12)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *sizes))
    for removed in (rng.random(sizes) < share, np.arange(np.prod(sizes)).reshape(sizes) < share * np.prod(sizes)):
        np.testing.assert_allclose(imputed(x, removed), solved(x, removed), atol=1e-9)


def test_the_equations_hold_within_the_noise():
    """A wide gap in a smooth picture: what is left over is far below the noise of 1 % of the spread."""
    y, x = np.mgrid[:96, :96]
    plane = np.stack([np.sin(y / 17) + np.cos(x / 11)])
    removed = np.hypot(y - 40, x - 50) < 38
    rough = imputed(plane, removed)
    before, imputation.TOLERANCE = imputation.TOLERANCE, 1e-12
    try:
        exact = imputed(plane, removed)
    finally:
        imputation.TOLERANCE = before
    assert np.abs(rough - exact).max() < 3e-3 * plane.std()


def test_nothing_and_everything_removed():
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    np.testing.assert_array_equal(imputed(x, np.zeros((5, 4), bool)), x)
    all_gone = imputed(x, np.ones((5, 4), bool))
    np.testing.assert_allclose(all_gone, np.broadcast_to(x.mean((1, 2), keepdims=True), x.shape))


@pytest.mark.parametrize("score", ["logit", "probability", "found"])
def test_curves_are_the_scores_as_pixels_go(score):
    model, x, w = linear()
    e = ox.evaluate(model, x, ["input_x_gradient"], "road", target=1, steps=5, noise=0.0, score=score)
    found = e["road", "input_x_gradient"]
    data = EvaluationSet.of(model, x, 1, None, 0)
    planes = (w[1] * x).sum(1)
    for i in range(len(x)):
        order = np.argsort(-planes[i], axis=None)
        for name, chosen in (("morf", order), ("lerf", order[::-1])):
            points = [x[i]]
            for step in range(1, 5):
                removed = np.zeros(30, bool)
                removed[chosen[: 6 * step]] = True
                points.append(solved(x[i], removed.reshape(6, 5)).astype("f"))
            np.testing.assert_allclose(found.curves[name][i], data.score(i, points, score), atol=2e-3)
    np.testing.assert_allclose(found.values["road_morf"], found.curves["morf"][:, 1:].mean(1))
    np.testing.assert_allclose(found.values["road"], found.values["road_lerf"] - found.values["road_morf"])


def test_the_order_counts_and_noise_does_not():
    model, x, _ = linear()
    quiet, noisy = (
        ox.evaluate(model, x, ["input_x_gradient"], "road", target=1, score="logit", noise=noise).of("road")
        for noise in (0.0, 0.01)
    )
    assert (quiet["input_x_gradient"] > quiet["random"]).all()
    assert 0 < np.abs(quiet["input_x_gradient"] - noisy["input_x_gradient"]).max() < 0.5


def test_what_has_no_neighbours_is_refused():
    from nets import network, node

    model = ox.load(network([node("MatMul", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")}))
    with pytest.raises(UsageError, match="guesses pixels of pictures"):
        ox.evaluate(model, np.ones((1, 2), "f"), ["gradient"], "road")
    for given in ({"steps": 1}, {"noise": -1}, {"score": "luck"}):
        with pytest.raises(UsageError, match=next(iter(given))):
            ox.evaluate(model, np.ones((1, 2), "f"), ["gradient"], "road", **given)
