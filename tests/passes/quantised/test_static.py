"""Statically quantised files: their own values, the gradient of the clip, and DeepLIFT on what they compute."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from passes.quantised.files import FORMS, X, float_twin, static
from passes.quantised.replica import gradient

import onnxplain as ox
from onnxplain.graph.runtime import open_session

every_form = pytest.mark.parametrize("form", FORMS)
ENGINES = [("onnxruntime", "float32"), ("numpy", "float32")]


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@every_form
def test_scores_are_those_of_the_file_to_the_bit(form):
    (scores,) = open_session(static(form)).run(None, {"x": X})
    for engine, precision in ENGINES:
        e = ox.explain(ox.load(static(form), engine=engine, precision=precision), X, "gradient")
        assert e.parity.difference == 0
        np.testing.assert_array_equal(e.prediction, scores)


@every_form
def test_the_gradient_is_that_of_fake_quantisation_in_torch(form):
    (scores,) = open_session(static(form)).run(None, {"x": X})
    want, by_torch = gradient(static(form), X, target=1)
    np.testing.assert_allclose(by_torch, scores, atol=np.abs(scores).max() / 20)
    e = ox.explain(ox.load(static(form)), X, "gradient", target=1)
    np.testing.assert_allclose(e.attribution, want, atol=1e-5 * np.abs(want).max())


@every_form
def test_deeplift_completes_on_the_quantised_function(form):
    (scores,) = open_session(static(form)).run(None, {"x": np.concatenate([X, np.zeros_like(X)])})
    for method in ("deeplift", "deeplift.reveal_cancel"):
        e = ox.explain(ox.load(static(form)), X, method, target=2, baseline=0.0)
        moved = scores[: len(X), 2] - scores[len(X) :, 2]
        np.testing.assert_allclose(e.attribution.sum((1, 2, 3)), moved, atol=1e-4 * np.abs(moved).max())


@every_form
@pytest.mark.parametrize(("method", "least"), [("gradient", 0.94), ("lrp.epsilon_plus_flat", 0.99)])
def test_maps_are_those_of_the_float_network(form, method, least):
    """A clip of slope 1 everywhere would correlate by less than a tenth, and so would a derivative that is 0."""
    a, b = (ox.explain(ox.load(model), X, method, target=1).attribution for model in (static(form), float_twin()))
    assert correlation(a, b) > least


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
@pytest.mark.parametrize("form", ["qdq", "qoperator per channel"])
def test_a_model_that_explains_itself(form, method, tmp_path):
    """It has no operators but those of the file and of ONNX, and gives the same scores and attributions."""
    options = {"baseline": 0.0} if method == "deeplift" else {}
    ox.export(ox.load(static(form)), method, tmp_path / "explained.onnx", **options)
    session = open_session(onnx.load(tmp_path / "explained.onnx"))
    found = dict(zip(session.outputs, session.run(None, {"x": X, "target": np.array([1, 1, 1])}), strict=True))
    e = ox.explain(ox.load(static(form)), X, method, target=1, **options)
    np.testing.assert_allclose(found["attribution"], e.attribution, atol=1e-6 * np.abs(e.attribution).max())
    np.testing.assert_array_equal(found["y"], e.prediction)


def test_double_precision():
    """A file of standard operators runs in float64, too."""
    a, b = (
        ox.explain(ox.load(static("qdq"), precision=p, engine="numpy"), X, "gradient") for p in ("float32", "float64")
    )
    np.testing.assert_allclose(a.attribution, b.attribution, atol=1e-5 * np.abs(a.attribution).max())
