"""What methods are made of, as their papers state it, and what they hand out, computed by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node, relu_cnn

import onnxplain as ox
from onnxplain.method.weighers import masks

RNG = np.random.default_rng(4)

# what stands at the convolutions "c1" and "c2" and at the dense layer "y", with eps=0.5 and gamma=2
EPSILON, PLUS, FLAT = "Epsilon(eps=0.5)", "ZPlus(eps=0.5, bias=True)", "Flat(eps=0.5)"
GAMMA, TWO_ONE = "Gamma(gamma=2.0, eps=0.5)", "AlphaBeta(alpha=2.0, beta=1.0, eps=0.5)"
RULES = {
    "lrp.epsilon": (EPSILON, EPSILON, EPSILON),
    "lrp.gamma": (GAMMA, GAMMA, GAMMA),
    "lrp.alpha_beta": (TWO_ONE, TWO_ONE, TWO_ONE),
    "lrp.z_plus": (PLUS, PLUS, PLUS),
    "lrp.epsilon_plus": (PLUS, PLUS, EPSILON),
    "lrp.epsilon_plus_flat": (FLAT, PLUS, EPSILON),
    "lrp.epsilon_alpha2_beta1": (TWO_ONE, TWO_ONE, EPSILON),
    "lrp.epsilon_alpha2_beta1_flat": (FLAT, TWO_ONE, EPSILON),
    "lrp.epsilon_gamma_box": ("ZBox(eps=0.5)", GAMMA, EPSILON),
    "excitation_backprop": ("ZPlus(eps=0.5, bias=False)",) * 3,
}


@pytest.mark.parametrize("method", RULES)
def test_a_preset_has_the_rules_of_its_paper_and_its_parameters_reach_them(method):
    given = {"eps": 0.5} | ({"gamma": 2.0} if "gamma" in method else {})
    given |= {"low": -1.0, "high": 1.0} if method.endswith("box") else {}
    rules = {name: rule for name, *_, rule in ox.Explainer(ox.load(relu_cnn()[0]), method, **given).plan.rows()}
    assert (rules["c1"], rules["c2"], rules["y"]) == RULES[method]
    assert rules["s"] == "Split(eps=0.5)" and rules["r1"] == "keep" and rules["p1"] == "route"


def test_lrp_zero_stabilises_nothing():
    rules = {rule for *_, rule in ox.Explainer(ox.load(relu_cnn()[0]), "lrp.zero").plan.rows()}
    assert {"Epsilon(eps=0.0)", "Split(eps=0.0)"} <= rules
    assert not any("eps=" in rule and "eps=0.0" not in rule for rule in rules)


def test_saliency_is_the_magnitude_of_the_gradient():
    w = RNG.normal(size=(4, 3)).astype("f")
    found = ox.explain(
        ox.load(network([node("MatMul", "x w", "y")], (1, 4), {"w": w})), np.ones((1, 4), "f"), "saliency", 1
    )
    np.testing.assert_allclose(found.attribution[0], np.abs(w[:, 1]), rtol=1e-6)
    assert (w[:, 1] < 0).any()


def test_a_token_has_the_sum_over_its_embedding():
    """Scores Σ_t e[x_t] · w_t: the contribution of a token is its term, and the terms sum to the score."""
    e, w = RNG.normal(size=(6, 2)).astype("f"), RNG.normal(size=(3, 2, 4)).astype("f")
    ids = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ["N", 3])]
    nodes = [node("Gather", "e x", "g"), node("Flatten", "g", "f"), node("MatMul", "f w", "y")]
    model = ox.load(network(nodes, None, {"e": e, "w": w.reshape(6, 4)}, inputs=ids))
    x = np.array([[1, 5, 0], [2, 2, 4]])
    found = ox.explain(model, x, "lrp.zero", target=2)
    np.testing.assert_allclose(found.attribution, (e[x] * w[:, :, 2]).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(found.attribution.sum(1), found.score, rtol=1e-5)


def volume(shape):
    k = RNG.normal(size=(2, 3, *shape[2:])).astype("f")
    nodes = [node("Conv", "x k", "c"), node("Flatten", "c", "y")]
    return network(nodes, shape, {"k": k}), k


def test_the_box_has_the_bounds_that_the_preprocessing_gives_to_black_and_white():
    steps = {"scale": 1 / 255, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.5]}
    explainer = ox.Explainer(ox.load(volume((1, 3, 4, 5))[0], preprocess=steps), "lrp.epsilon_gamma_box")
    np.testing.assert_allclose(np.ravel(explainer.parameters["low"]), [-2.0, -2.0, -1.2], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(explainer.parameters["high"]), [3.0, 2.0, 0.8], rtol=1e-6)


def test_bounds_of_each_channel_lie_along_the_channels():
    """Also where a row of the picture is as long as there are channels."""
    model, k = volume((1, 3, 4, 3))
    low, high, x = np.array([-1.0, 0.0, -3.0]), np.array([1.0, 2.0, 0.5]), np.full((1, 3, 4, 3), 0.25, "f")
    e = ox.explain(ox.load(model), x, "lrp.epsilon_gamma_box", 1, low=low, high=high, eps=0.0)
    lows, highs = (bound[:, None, None] for bound in (low, high))
    parts = x[0] * k[1] - lows * np.maximum(k[1], 0) - highs * np.minimum(k[1], 0)
    np.testing.assert_allclose(e.attribution[0], parts / parts.sum() * e.score[0], rtol=1e-4)


def test_the_channels_of_a_perturbed_picture_share_what_its_places_have():
    model, k = volume((1, 3, 4, 5))
    x = RNG.normal(size=(2, 3, 4, 5)).astype("f")
    e = ox.explain(ox.load(model), x, "occlusion", target=1, window=1, stride=1)
    drops = (x * k[1]).sum(1)
    np.testing.assert_allclose(e.relevance, drops, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(e.attribution, drops[:, None].repeat(3, 1) / 3, rtol=1e-4, atol=1e-5)


def test_a_mask_of_score_cam_goes_from_0_to_1():
    np.testing.assert_allclose(masks(np.array([[2.0, 4.0, 6.0], [-3.0, -1.0, -2.0]])), [[0, 0.5, 1], [0, 1, 0.5]])
    np.testing.assert_allclose(masks(np.full((1, 3), 7.0)), [[0, 0, 0]])
