"""Statically quantised files: their own values, the gradient of the clip, and DeepLIFT on what they compute."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node
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
@pytest.mark.parametrize(
    ("method", "least"), [("gradient", 0.94), ("lrp.epsilon_plus_flat", 0.99), ("deeplift", 0.975)]
)
def test_maps_are_those_of_the_float_network(form, method, least):
    """A clip of slope 1 everywhere would correlate by less than a tenth, and so would a derivative that is 0.

    DeepLIFT by the quotients of rounded differences would correlate at 0.963 to 0.97 with 8 bits.
    """
    a, b = (ox.explain(ox.load(model), X, method, target=1).attribution for model in (static(form), float_twin()))
    assert correlation(a, b) > least


@pytest.mark.parametrize("form", ["qdq", "qoperator per channel"])
def test_deeplift_of_a_row_does_not_depend_on_the_others(form):
    model = ox.load(static(form))
    alone = [ox.explain(model, row[None], "deeplift", target=1, baseline=0.0).attribution for row in X]
    together = ox.explain(model, X, "deeplift", target=1, baseline=0.0).attribution
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-6 * np.abs(together).max())


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 1), (2, 3, 4)], ids=str)
def test_what_rounding_adds_is_shared_out_along_a_line(shape):
    """By the definition, in float64: the last axis that is longer than 1 is the line. One element is cut off."""
    rng, scale, low, high = np.random.default_rng(2), 0.25, -128.5 * 0.25, 127.5 * 0.25
    x, x0 = (rng.normal(size=shape).astype("f") for _ in range(2))
    x.reshape(2, -1)[0, 0] = 40.0
    w = rng.normal(size=(x[0].size, 3)).astype("f")
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "d"),
        node("Flatten", "d", "f"),
        node("MatMul", "f w", "y"),
    ]
    model = network(nodes, shape, {"s": np.float32(scale), "z": np.int8(0), "w": w}, opset=21)
    m, dx = w[:, 1].astype(float).reshape(shape[1:]), (x - x0).astype(float)
    dy = scale * (np.clip(np.round(x / scale), -128, 127) - np.clip(np.round(x0 / scale), -128, 127))
    q = (np.clip(x, low, high) - np.clip(x0, low, high)) / dx
    line = 1 if shape[-1] == 1 else -1
    share = (m * (dy - q * dx)).sum(line, keepdims=True) / (q * dx**2).sum(line, keepdims=True)
    e = ox.explain(ox.load(model), x, "deeplift", target=1, baseline=x0)
    np.testing.assert_allclose(e.attribution, (m + share * dx) * q * dx, atol=1e-4)
    assert np.abs(e.delta).max() < 1e-5


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
