"""Targets and seeds: classes, labels, one per row, arrays, and values inside the network."""

from __future__ import annotations

import numpy as np
import pytest
from nets import DIGITS, digits, relu_cnn

import onnxplain as ox


def test_the_predicted_class_is_the_default():
    e = ox.explain(digits(), DIGITS, "gradient")
    assert [int(path.name.split("_")[1]) for path in DIGITS] == e.target.tolist() == list(map(int, e.labels))
    np.testing.assert_allclose(e.score, e.prediction.max(1))


@pytest.mark.parametrize("target", [4, "4", [4, 4]])
def test_an_index_a_label_or_one_per_row(target):
    e = ox.explain(digits(), DIGITS[:2], "gradient", target=target)
    assert e.target.tolist() == [4, 4]
    np.testing.assert_allclose(e.score, e.prediction[:, 4])


def test_seeds_scale_a_linear_walk():
    model = digits(precision="float64")
    one, logit, odds = (ox.explain(model, DIGITS[2], "lrp.epsilon", seed=s) for s in ("one", "logit", "probability"))
    np.testing.assert_allclose(logit.attribution, one.attribution * one.score[0], rtol=1e-9)
    exp = np.exp(one.prediction[0] - one.prediction.max())
    np.testing.assert_allclose(odds.attribution, one.attribution * (exp.max() / exp.sum()), rtol=1e-9)


@pytest.mark.parametrize("seed", ["logit", "one", "probability", "contrast", "softmax"])
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_whatever_the_seed_the_score_is_the_target_s(seed, method):
    e = ox.explain(digits(), DIGITS[:2], method, target=[4, 7], seed=seed)
    np.testing.assert_allclose(e.score, e.prediction[[0, 1], [4, 7]])


def test_contrast_is_the_target_minus_the_mean_of_the_others():
    model, x = relu_cnn()
    loaded = ox.load(model, precision="float64")
    each = [ox.explain(loaded, x, "gradient", target=i).attribution for i in range(4)]
    contrast = ox.explain(loaded, x, "gradient", target=1, seed="contrast").attribution
    np.testing.assert_allclose(contrast, each[1] - (each[0] + each[2] + each[3]) / 3, atol=1e-12)


def test_an_array_is_a_seed():
    model, x = relu_cnn()
    loaded = ox.load(model, precision="float64")
    seed = np.array([0.0, 2.0, 0.0, -1.0])
    each = [ox.explain(loaded, x, "gradient", target=i).attribution for i in (1, 3)]
    got = ox.explain(loaded, x, "gradient", seed=seed).attribution
    np.testing.assert_allclose(got, 2 * each[0] - each[1], atol=1e-12)


def test_a_neuron_inside_the_network_has_the_gradient_of_finite_differences():
    model, x = relu_cnn()
    loaded = ox.load(model, precision="float64")
    neuron = ox.Neuron("c1", channel=2, position=(4, 3))
    e = ox.explain(loaded, x, "gradient", target=neuron)
    w = next(t for t in model.graph.initializer if t.name == "w1")
    kernel = np.frombuffer(w.raw_data, "f").reshape(6, 3, 3, 3)[2]
    np.testing.assert_allclose(e.attribution[0, :, 3:6, 2:5], kernel, rtol=1e-6)
    assert np.count_nonzero(e.attribution[0]) == kernel.size


def test_the_largest_position_of_a_channel():
    model, x = relu_cnn()
    e = ox.explain(ox.load(model), x, "deconvnet", target=ox.Neuron("r1", channel=0, position="max"))
    inner = ox.explain(ox.load(model), x, "gradient", target=ox.Neuron("r1", channel=0, position="max"))
    np.testing.assert_allclose(e.score, inner.score)
    assert e.attribution.shape == x.shape
    assert (e.score > 0).all()


def test_attribution_of_an_inner_layer_sums_like_that_of_the_input():
    model, x = relu_cnn(bias=False)
    loaded = ox.load(model, precision="float64")
    inner = ox.explain(loaded, x, "lrp.zero", layer="r1")
    assert inner.attribution.shape == (3, 6, 11, 9)
    np.testing.assert_allclose(inner.attribution.sum((1, 2, 3)), inner.score, rtol=1e-9)


def test_a_target_before_the_layer_does_not_depend_on_it():
    model, x = relu_cnn()
    with pytest.raises(ox.errors.UsageError, match="'c1' does not depend on 'c2'"):
        ox.Explainer(ox.load(model), "gradient", layer="c2")(x, ox.Neuron("c1", 0))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (10, "out of range: the model has 10 scores"),
        ("four", "unknown label 'four'"),
        ([1, 2, 3], "3 targets for 1 rows"),
        (1.5, "give a class index"),
        (ox.Neuron("nowhere"), "no value 'nowhere'"),
    ],
)
def test_a_target_that_does_not_fit_says_so(target, message):
    with pytest.raises(ox.errors.UsageError, match=message):
        ox.explain(digits(), DIGITS[0], "gradient", target=target)
