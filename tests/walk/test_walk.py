"""The loop itself, and what it starts from, on networks small enough to differentiate by hand."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.ops import standard_ops
from onnxplain.walk.seed import probabilities

RNG = np.random.default_rng(6)
W, X = RNG.normal(size=(4, 3)).astype("f"), RNG.normal(size=(3, 4)).astype("f")
engines = pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])


def linear(**options):
    return ox.load(network([node("MatMul", "x w", "y")], (1, 4), {"w": W}), **options)


@engines
@pytest.mark.parametrize("sides", ["x s", "s x"])
def test_messages_of_all_users_add_up_and_those_to_what_was_broadcast_are_summed(sides, engine):
    """y_t = x_t s + x_t with s = Σ x: dy_t/dx_j is x_t, and s + 1 more where j = t."""
    nodes = [node("ReduceSum", "x axes", "s"), node("Mul", sides, "m"), node("Add", "m x", "y")]
    model = ox.load(network(nodes, (1, 4), {"axes": np.array([1])}), engine=engine)
    due = X[:, 2:3] + np.eye(4)[2] * (X.sum(1, keepdims=True) + 1)
    np.testing.assert_allclose(ox.explain(model, X, "gradient", 2).attribution, due, rtol=1e-5)


@engines
def test_both_sides_of_a_product_may_have_been_broadcast(engine):
    """y = u vᵀ of a column u = x a and a row v = x b: y_ij = u_i v_j, laid out as 6 scores."""
    a, b = RNG.normal(size=(4, 2)).astype("f"), RNG.normal(size=(4, 3)).astype("f")
    nodes = [
        *(node("MatMul", "x a", "u"), node("Reshape", "u column", "c")),
        *(node("MatMul", "x b", "v"), node("Reshape", "v row", "r")),
        *(node("Mul", "c r", "p"), node("Flatten", "p", "y")),
    ]
    weights = {"a": a, "b": b, "column": np.array([-1, 2, 1]), "row": np.array([-1, 1, 3])}
    model = ox.load(network(nodes, (1, 4), weights), engine=engine)
    for target, (i, j) in ((1, (0, 1)), (5, (1, 2))):
        due = np.outer(X @ b[:, j], a[:, i]) + np.outer(X @ a[:, i], b[:, j])
        np.testing.assert_allclose(ox.explain(model, X, "gradient", target).attribution, due, rtol=1e-4, atol=1e-5)


@engines
@pytest.mark.parametrize("seed", [None, "logit", "one"])
def test_relevance_of_a_neuron_is_its_value_and_its_gradient_starts_from_one(seed, engine):
    """z = x w in front of a ReLU: the contributions x w sum to z, or with the seed "one" to 1."""
    nodes = [node("MatMul", "x w", "z"), node("Relu", "z", "y")]
    model, z = ox.load(network(nodes, (1, 4), {"w": W}), engine=engine), X @ W[:, 1:2]
    found = ox.explain(model, X, "lrp.zero", ox.Neuron("z", 1), seed=seed)
    np.testing.assert_allclose(found.attribution, X * W[:, 1] / (z if seed == "one" else 1), rtol=1e-4)
    np.testing.assert_allclose(found.score, z[:, 0], rtol=1e-5)
    slope = ox.explain(model, X, "gradient", ox.Neuron("z", 1), seed=seed).attribution
    np.testing.assert_allclose(slope, W[:, 1] * (z if seed == "logit" else np.ones_like(z)), rtol=1e-5)


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
@pytest.mark.parametrize("target", [[2, 0, 1], None])
def test_points_about_a_row_are_explained_for_its_own_class(method, target):
    found = ox.explain(linear(), X, method, target)
    classes = target or (X @ W).argmax(1).tolist()
    assert len(set(classes)) > 1 and found.target.tolist() == classes
    due = W[:, classes].T * (1 if method == "smoothgrad" else X)
    np.testing.assert_allclose(found.attribution, due, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["lrp.zero", "occlusion", "integrated_gradients", "input_x_gradient", "deeplift"])
def test_a_contrast_is_between_the_scores_whatever_the_method(method):
    """Every method gives x (w₁ - ½ (w₀ + w₂)) on a linear model."""
    found = ox.explain(linear(), X, method, 1, seed="contrast").attribution
    np.testing.assert_allclose(found, X * (W[:, 1] - (W[:, 0] + W[:, 2]) / 2), rtol=1e-4, atol=1e-5)


def test_the_odds_of_large_scores_are_numbers():
    found = probabilities(np.array([[1000.0, 990.0], [-1000.0, -1000.0]]), False)
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(-10)), 1 / (1 + np.exp(10))], [0.5, 0.5]], rtol=1e-12)
    np.testing.assert_allclose(probabilities(np.array([[-1000.0, 0.0, 2.0]]), True)[0], [0, 0.5, 1 / (1 + np.exp(-2))])


def test_the_scale_of_a_node_is_the_size_of_what_arrives():
    book = ox.explain(linear(), X, "lrp.epsilon", 1, seed="contrast", book=True).book
    starts = X @ W * np.array([-0.5, 1, -0.5])
    np.testing.assert_allclose(book.entries[0].arriving, starts.sum(), rtol=1e-4)
    np.testing.assert_allclose(book.entries[0].scale, np.abs(starts).sum(), rtol=1e-5)


@engines
@pytest.mark.parametrize("failure", [ValueError, TypeError, OverflowError, IndexError])
def test_what_a_fact_raises_names_its_node(engine, failure, monkeypatch):
    def slope(*_):
        raise failure("planted\x1b[31m")

    model = ox.load(network([node("MatMul", "x w", "z"), node("Tanh", "z", "y")], (1, 4), {"w": W}), engine=engine)
    monkeypatch.setitem(standard_ops()["Tanh"].facts, "slope", slope)
    with pytest.raises(UnsupportedModelError) as raised:
        ox.explain(model, X, "gradient", 0)
    assert f"Tanh (node 'y') cannot be walked back through: {failure.__name__}: planted\\x1b[31m" in str(raised.value)


@engines
def test_memory_that_runs_out_is_told_where(engine, monkeypatch):
    def slope(*_):
        raise MemoryError

    model = ox.load(network([node("MatMul", "x w", "z"), node("Tanh", "z", "y")], (1, 4), {"w": W}), engine=engine)
    monkeypatch.setitem(standard_ops()["Tanh"].facts, "slope", slope)
    with pytest.raises(BadInputError, match=r"node .y.*more memory than there is; explain fewer rows"):
        ox.explain(model, X, "gradient", 0)
