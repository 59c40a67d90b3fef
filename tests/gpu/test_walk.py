"""Whole explanations on the engine "cupy", against the NumPy engine in float64."""

from __future__ import annotations

import json
from functools import cache
from itertools import product

import joint
import numpy as np
import pytest
from gpu.networks import densenet, resnet
from kinds import kinds
from method.test_graphs import GRAPHS
from nets import BUNDLED, DIGITS, digits, relu_cnn
from PIL import Image

import onnxplain as ox
from onnxplain.engines import eager
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

EPS = 1e-4  # LRP with a smaller one amplifies the rounding of float32 where z is near 0
NO_RECTIFIER = {("dynamo", "deconvnet"), ("dynamo", "guided_backprop")}
WALKS = [name for name, method in METHODS.items() if isinstance(method, WalkSpec)]
OTHERS = [name for name in METHODS if name not in WALKS and name != "tree_shap"]  # that is for trees alone
FEW = {"steps": 3, "samples": 20, "segments": 4, "eps": EPS, "low": -4.0, "high": 4.0}
MANY_RULES = ("gradient", "lrp.epsilon_plus_flat", "deeplift")
# a blur and a mask for pictures of 16 pixels; those for 224 hide too little of a digit to change its class
OWN = {"meaningful_perturbation": {"steps": 8, "stride": 2, "spread": 1.0, "blur": 3.0}}


def parameters(method):
    """A stabiliser that float32 can bear, bounds for the box rule, few samples for an average."""
    known = {} if method == "lrp.zero" else METHODS[method].parameters
    return {name: value for name, value in FEW.items() if name in known} | OWN.get(method, {})


def worst(a, b):
    """Largest difference, in units of the largest value."""
    return np.abs(a - b).max() / np.abs(b).max()


def pictures(name):
    model = digits(name)
    return BUNDLED / f"{name}.onnx", np.concatenate([model.preprocess(Image.open(path)) for path in DIGITS[:2]])


def rows(name, samples):
    return BUNDLED / f"{name}.onnx", np.load(BUNDLED / samples)[:2]


NETS = {
    "torch": lambda: pictures("digits_cnn_torch"),
    "keras": lambda: pictures("digits_cnn_keras"),
    "dynamo": lambda: pictures("digits_cnn_dynamo"),
    "mlp": lambda: rows("digits_mlp_sklearn", "digits_samples.npy"),
    "linear": lambda: rows("digits_linear_sklearn", "digits_samples.npy"),
    "wine": lambda: rows("wine_mlp_torch", "wine_sample.npy"),
    "resnet": resnet,
    "densenet": densenet,
}


ENGINES = ({"engine": "cupy"}, {"engine": "numpy"}, {"precision": "float64"})


@cache
def loaded(name):
    """The model as each of the engines has it, and its input."""
    source, x = NETS[name]()
    return [ox.load(source, **options) for options in ENGINES], x


def agrees(name, method, rows=None):
    """The method on a GPU is as close to float64 as float32 can be."""
    models, x = loaded(name)
    a, narrow, b = (ox.explain(model, x[:rows], method, **parameters(method)) for model in models)
    assert np.ptp(b.attribution) > 0, "a map of one value shows nothing"
    # where a z or a Δx near 0 amplifies the rounding of the forward, all of float32 is further off
    assert worst(a.attribution, b.attribution) < max(1e-5, 2 * worst(narrow.attribution, b.attribution))
    np.testing.assert_array_equal(a.target, b.target)
    np.testing.assert_allclose(a.score, b.score, rtol=1e-4, atol=1e-5)


WALKED = [case for case in product(NETS, WALKS) if case not in NO_RECTIFIER]


@pytest.mark.parametrize(
    ("name", "method"), kinds(WALKED, lambda name, method: name == "resnet" or method in MANY_RULES)
)
def test_every_walk_agrees_with_float64(name, method):
    agrees(name, method)


@pytest.mark.parametrize("method", OTHERS)
def test_what_is_built_from_walks_and_forward_runs_agrees_with_float64(method):
    agrees("torch", method, rows=1)


@pytest.mark.parametrize("name", ["gates", "masked"])
def test_gates_and_masks_complete(name):
    model, shape = GRAPHS[name]()
    x = np.random.default_rng(7).normal(size=shape).astype("f")
    a, b = (ox.explain(ox.load(model, **options), x, "deeplift", 1, baseline=-0.8) for options in ENGINES[::2])
    assert worst(a.attribution, b.attribution) < 1e-5
    assert np.abs(a.delta).max() < 1e-5 * np.abs(b.attribution).sum()


def test_two_runs_give_the_same_bits():
    model, x = resnet()
    for method in ("gradient", "lrp.epsilon_plus_flat", "deeplift"):
        one, two = (ox.explain(ox.load(model, engine="cupy"), x, method).attribution for _ in range(2))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("target", [None, 2, [3, 0, 1], ox.Neuron("r1", 2, "max"), ox.Neuron("s")], ids=str)
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
def test_targets(method, target):
    model, x = relu_cnn()
    a, b = (ox.explain(ox.load(model, engine=engine), x, method, target) for engine in ("cupy", "numpy"))
    assert worst(a.attribution, b.attribution) < 1e-5
    np.testing.assert_allclose(a.score, b.score, rtol=1e-5)
    if a.delta is not None:
        np.testing.assert_allclose(a.delta, b.delta, atol=1e-5 * np.abs(b.score).max())


def test_an_inner_layer_a_baseline_of_rows_and_a_book():
    model, x = relu_cnn()
    a, b = (ox.load(model, engine=engine) for engine in ("cupy", "numpy"))
    inner = [ox.explain(each, x, "lrp.epsilon", layer="p1").attribution for each in (a, b)]
    assert inner[0].shape == (3, 6, 5, 4) and worst(*inner) < 1e-5
    assert worst(*(ox.explain(each, x, "deeplift", baseline=x[::-1] / 2).attribution for each in (a, b))) < 1e-5
    books = [ox.explain(each, x, "lrp.epsilon", book=True).book.entries for each in (a, b)]
    for ours, theirs in zip(*books, strict=True):
        assert (ours.node, ours.rule) == (theirs.node, theirs.rule)
        np.testing.assert_allclose(ours.leaving, theirs.leaving, atol=1e-4 * (1 + theirs.scale))


def test_rows_go_in_chunks_that_fit_the_memory(cupy, monkeypatch):
    model, x = relu_cnn()
    whole = ox.explain(ox.load(model, engine="cupy"), x, "deeplift")
    budgets = []
    monkeypatch.setattr(eager, "rows_that_fit", lambda _, budget: budgets.append(budget) or 2)
    parts = ox.explain(ox.load(model, engine="cupy"), x, "deeplift")
    assert budgets and all(0 < each <= cupy.cuda.Device().mem_info[1] / 3 for each in budgets)
    assert worst(parts.attribution, whole.attribution) < 1e-5


def test_the_record_says_where_it_ran():
    model, x = relu_cnn()
    loaded = ox.load(model, device="cuda")
    assert (loaded.engine, loaded.device) == ("cupy", "cuda")
    record = json.loads(json.dumps(ox.explain(loaded, x).record))
    assert record["engine"]["name"] == "cupy"
    assert record["engine"]["providers"][-1] == "CPUExecutionProvider"
    assert "cupy-cuda13x" in record["versions"]


def test_an_overflow_is_named():
    model, x = relu_cnn()
    with pytest.raises(ox.errors.NumericalError, match="node"):
        ox.explain(ox.load(model, engine="cupy"), x * np.float32(1e38), "input_x_gradient", seed="logit")


def test_several_inputs_are_walked_to_at_once():
    proto, x = joint.picture_and_table()
    models = [ox.load(proto, input="all", **options) for options in ENGINES]
    for method in ("gradient", "lrp.epsilon_plus_flat", "deeplift", "integrated_gradients"):
        a, narrow, b = (ox.explain(model, x, method, 1, **parameters(method)).attributions for model in models)
        for name in x:
            assert worst(a[name], b[name]) < max(1e-5, 2 * worst(narrow[name], b[name]))
