"""What is asked of `load`, `explain` and an explainer is what is computed, on linear models with known gradients."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node

import onnxplain as ox

RNG = np.random.default_rng(1)
V, W = RNG.normal(size=(4, 3)).astype("f"), RNG.normal(size=(4, 3)).astype("f")
X = np.array([[1, 2, 3, 4], [-4, 3, -2, 1]], "f")


def linear(**options):
    return ox.load(network([node("MatMul", "x w", "y")], (2, 4), {"w": W}), **options)


def test_the_output_that_is_named_is_explained():
    two = network([node("MatMul", "x v", "first"), node("MatMul", "x w", "y")], (2, 4), {"v": V, "w": W}, "first")
    two.graph.output.append(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None))
    for name, weights in (("first", V), ("y", W)):
        e = ox.explain(ox.load(two, output=name), X, "gradient", 1)
        np.testing.assert_allclose(e.attribution, [weights[:, 1]] * 2, rtol=1e-6)
        np.testing.assert_allclose(e.prediction, X @ weights, rtol=1e-5)


def test_each_row_has_the_label_of_its_own_class():
    e = ox.explain(linear(labels=["ant", "bee", "cat"]), X, "gradient")
    predicted = (X @ W).argmax(1)
    assert len(set(predicted)) == 2
    assert e.labels == tuple(("ant", "bee", "cat")[i] for i in predicted)


def test_a_seed_is_the_message_that_starts():
    seed = np.array([1.0, -2.0, 0.5], "f")
    e = ox.explain(linear(), X, "gradient", seed=seed)
    np.testing.assert_allclose(e.attribution, [W @ seed] * 2, rtol=1e-5)


def test_captum_s_words_are_heard():
    explainer = ox.Explainer(linear(), "deeplift", baseline=1.0)
    found = explainer.attribute(X, target=[2, 0], baselines=0.5)
    np.testing.assert_allclose(found, (X - 0.5) * W[:, [2, 0]].T, rtol=1e-5)
    np.testing.assert_allclose(explainer.attribute(X, target=1), (X - 1) * W[:, 1], rtol=1e-5)


def test_relevance_is_the_sum_over_channels():
    k = RNG.normal(size=(2, 3, 4, 5)).astype("f")
    model = ox.load(network([node("Conv", "x k", "c"), node("Flatten", "c", "y")], (1, 3, 4, 5), {"k": k}))
    e = ox.explain(model, np.ones((1, 3, 4, 5), "f"), "gradient", 1)
    np.testing.assert_allclose(e.relevance[0], k[1].sum(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axis"), [((1, 3, 4, 3), 1), ((1, 4, 3, 1), 3), ((1, 1, 4, 3), 1), ((1, 5, 4, 6), 1)]
)
def test_channels_are_told_by_their_number_where_the_graph_is_silent(shape, axis):
    size = int(np.prod(shape))
    model = ox.load(
        network([node("Flatten", "x", "f"), node("Gemm", "f w", "y")], shape, {"w": np.ones((size, 2), "f")})
    )
    e = ox.explain(model, np.ones(shape, "f"), "gradient")
    assert e.channel_axis == axis and e.relevance.shape == tuple(n for i, n in enumerate(shape) if i != axis)
