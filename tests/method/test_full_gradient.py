"""FullGrad: complete on every kind of network, and each bias at its place."""

from __future__ import annotations

import numpy as np
import pytest
from encoder import IDS, bert
from nets import DIGITS, digits, network, node, relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def sums(e):
    return e.attribution.reshape(len(e.score), -1).sum(1)


@pytest.mark.parametrize("target", [0, 3, None])
def test_it_sums_to_the_score(target):
    model, x = relu_cnn()
    e = ox.explain(load(model), x, "fullgrad", target=target)
    np.testing.assert_allclose(sums(e), e.score, rtol=1e-10)
    assert np.abs(e.delta).max() < 1e-10
    assert np.abs(sums(ox.explain(load(model), x, "input_x_gradient", target=target)) - e.score).min() > 1e-3


def test_without_biases_it_is_the_gradient_times_the_input():
    model, x = relu_cnn(bias=False)
    full, plain = (ox.explain(load(model), x, method, target=1) for method in ("fullgrad", "input_x_gradient"))
    np.testing.assert_allclose(full.attribution, plain.attribution, atol=1e-12)


def test_a_bias_lies_where_its_gradient_does():
    """A convolution that keeps the size, a ReLU, a dense layer: v b where the ReLU is open, and the rest all over."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype("f")  # noqa: E731
    weights = {"w": draw(4, 2, 3, 3), "b": draw(4), "v": draw(3, 4 * 42), "c": draw(3)}
    nodes = [
        node("Conv", "x w b", "z", pads=[1, 1, 1, 1]),
        node("Relu", "z", "r"),
        node("Flatten", "r", "f"),
        node("Gemm", "f v c", "y", transB=1),
    ]
    model, x = load(network(nodes, (2, 2, 7, 6), weights)), draw(2, 2, 7, 6)
    e, plain = (ox.explain(model, x, method, target=1) for method in ("fullgrad", "input_x_gradient"))
    z = ox.explain(model, x, "gradient", target=1, layer="z").attribution
    assert 0.2 < (z != 0).mean() < 0.8
    added = (z * weights["b"].astype(float).reshape(4, 1, 1)).sum(1) + float(weights["c"][1]) / 42
    np.testing.assert_allclose(e.attribution - plain.attribution, np.stack([added / 2] * 2, 1), atol=1e-12)


@pytest.mark.parametrize("op", ["Tanh", "Softplus", "Gelu", "Elu"])
def test_a_smooth_activation_has_a_bias_of_its_own(op):
    """At each place y - f'(x) x: with the gradient's part it is all of y v."""
    v, ones = np.random.default_rng(1).normal(size=(30, 2)).astype("f"), np.ones((1, 1, 1, 1), "f")
    nodes = [node("Conv", "x k", "z"), node(op, "z", "a"), node("Flatten", "a", "f"), node("MatMul", "f v", "y")]
    x = np.random.default_rng(2).normal(size=(2, 1, 5, 6)).astype("f")
    model = load(network(nodes, x.shape, {"v": v, "k": ones}))
    e = ox.explain(model, x, "fullgrad", target=0)
    a = ox.explain(model, x, "input_x_gradient", target=0, layer="a")
    np.testing.assert_allclose(e.attribution, a.attribution, atol=1e-9)
    np.testing.assert_allclose(sums(e), e.score, rtol=1e-9)


def test_tokens_of_an_encoder_get_all_of_the_score():
    """Attention, norms, a mask of -inf and a class token; the gradient alone misses most of it."""
    model = ox.load(bert())
    e, plain = (ox.explain(model, {"ids": IDS}, method, target=0) for method in ("fullgrad", "input_x_gradient"))
    assert e.attribution.shape == IDS.shape
    np.testing.assert_allclose(sums(e), e.score, rtol=1e-4)
    assert np.abs(sums(plain) - e.score).min() > 0.05


def test_seeds_and_neurons_and_rows():
    model, x = relu_cnn()
    loaded = load(model)
    parts = [ox.explain(loaded, x, "fullgrad", target=c).attribution for c in range(4)]
    contrast = ox.explain(loaded, x, "fullgrad", target=2, seed="contrast")
    np.testing.assert_allclose(contrast.attribution, parts[2] - (parts[0] + parts[1] + parts[3]) / 3, atol=1e-12)
    weights = np.array([1.0, -2.0, 0.0, 0.5])
    mixed = ox.explain(loaded, x, "fullgrad", seed=weights)
    np.testing.assert_allclose(
        mixed.attribution, sum(w * part for w, part in zip(weights, parts, strict=True)), atol=1e-12
    )
    assert np.abs(mixed.delta).max() < 1e-10
    neuron = ox.explain(loaded, x, "fullgrad", target=ox.Neuron("c2", 1, (0, 0)))
    np.testing.assert_allclose(sums(neuron), neuron.score, rtol=1e-9)
    alone = ox.explain(loaded, x[1:2], "fullgrad", target=2)
    np.testing.assert_allclose(alone.attribution[0], parts[2][1], atol=1e-12)
    fixed = type(model)()
    fixed.CopyFrom(model)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    np.testing.assert_allclose(ox.explain(load(fixed), x, "fullgrad", target=2).attribution, parts[2], atol=1e-12)
    for seed in ("probability", "softmax"):
        with pytest.raises(UsageError, match="no weighted sum of scores"):
            ox.explain(loaded, x, "fullgrad", seed=seed)


def test_engines_and_networks_agree():
    """The PyTorch export has its channels first, that of Keras has them last."""
    maps = [ox.explain(digits(name), DIGITS[:2], "fullgrad") for name in ("digits_cnn_torch", "digits_cnn_keras")]
    assert all(np.abs(each.delta / each.score).max() < 1e-5 for each in maps)
    a, b = (each.relevance for each in maps)
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max())
    assert "100 %" in maps[0].conservation.line(0) and maps[0].record["engine"]["name"] == "numpy"


def test_it_has_no_layer():
    model, x = relu_cnn()
    with pytest.raises(UsageError, match="layer= belongs to a method that walks"):
        ox.explain(ox.load(model), x, "fullgrad", layer="r1")
