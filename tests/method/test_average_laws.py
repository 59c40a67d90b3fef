"""Averaged methods: laws that hold whatever the network, agreement of engines, errors, interruption, and bars."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from nets import DIGITS, digits, network, node, relu_cnn
from onnx import TensorProto, helper
from tqdm import tqdm

import onnxplain as ox
from onnxplain import progress as bars
from onnxplain.engines.eager import EagerEngine
from onnxplain.errors import BadInputError, NumericalError, UsageError
from onnxplain.stopping import Stop

AVERAGES = ("integrated_gradients", "expected_gradients", "smoothgrad", "vargrad", "deepshap")
FEATURES, CLASSES = 6, 3


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def tanh_net(seed=0):
    """Smooth, so quadrature converges fast. Features 0 and 1 are symmetric, feature 2 is not used; y2 = 3 y0 - 2 y1."""
    rng = np.random.default_rng(seed)
    w, v = rng.normal(size=(FEATURES, 8)), rng.normal(size=(8, CLASSES))
    w[1], w[2], v[:, 2] = w[0], 0, 3 * v[:, 0] - 2 * v[:, 1]
    nodes = [node("MatMul", "x w", "h"), node("Tanh", "h", "t"), node("MatMul", "t v", "y")]
    return network(nodes, (1, FEATURES), {"w": w.astype("f"), "v": v.astype("f")})


def options(method, x):
    """Baselines for the methods that take several, and few samples for the one that takes 200."""
    given = {"baseline": x[:2] / 2} if method in ("expected_gradients", "deepshap") else {}
    return given | ({"samples": 25} if method == "expected_gradients" else {})


def test_the_gap_shrinks_with_the_steps():
    """On a smooth network each doubling of the points squares the error; a ReLU network's kinks shrink it slowly."""
    x = draw(3, FEATURES) * 2
    gaps = [
        np.abs(ox.explain(load(tanh_net()), x, "integrated_gradients", steps=n).delta).max() for n in (4, 8, 16, 64)
    ]
    assert gaps[0] > 10 * gaps[1] > 100 * gaps[2]
    assert gaps[3] < 1e-9
    model, x = relu_cnn()
    gaps = [np.abs(ox.explain(load(model), x, "integrated_gradients", steps=n).delta).max() for n in (5, 50, 500)]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]


def test_delta_is_the_gap():
    """Σ attribution - (f(x) - f(x₀)), with both scores read by another method."""
    model, x = relu_cnn()
    loaded, x0 = load(model), draw(*x.shape, seed=3)
    e = ox.explain(loaded, x, "integrated_gradients", target=2, baseline=x0, steps=7)
    still = ox.explain(loaded, x0, "gradient", target=2)
    np.testing.assert_allclose(e.delta, e.attribution.sum((1, 2, 3)) - (e.score - still.score), atol=1e-12)
    many = ox.explain(loaded, x, "expected_gradients", target=2, baseline=x0, samples=9)
    np.testing.assert_allclose(many.delta, many.attribution.sum((1, 2, 3)) - (e.score - still.score.mean()), atol=1e-12)


@pytest.mark.parametrize("method", ["integrated_gradients", "expected_gradients", "deepshap"])
def test_symmetry_dummy_and_linearity(method):
    x, still = draw(2, FEATURES), draw(4, FEATURES, seed=3)
    x[:, 1], still[:, 1] = x[:, 0], still[:, 0]
    given = {"baseline": still[:1] if method == "integrated_gradients" else still}
    one, two, both = (ox.explain(load(tanh_net()), x, method, target=c, **given).attribution for c in range(3))
    np.testing.assert_allclose(one[:, 0], one[:, 1], atol=1e-14)
    assert not one[:, 2].any()
    np.testing.assert_allclose(both, 3 * one - 2 * two, atol=1e-5)  # y2's weights are 3 and -2 of others' in float32


@pytest.mark.parametrize("method", AVERAGES)
def test_the_same_seed_gives_the_same_bits(method):
    model, x = relu_cnn()
    explainer = ox.Explainer(ox.load(model), method, **options(method, x))
    np.testing.assert_array_equal(explainer(x).attribution, explainer(x).attribution)
    again = ox.explain(ox.load(model), x, method, **options(method, x))
    np.testing.assert_array_equal(again.attribution, explainer(x).attribution)


@pytest.mark.parametrize("method", ["expected_gradients", "smoothgrad", "vargrad"])
def test_another_seed_gives_other_samples(method):
    model, x = relu_cnn()
    one, two = (ox.explain(load(model), x, method, random_seed=n, **options(method, x)).attribution for n in (0, 1))
    assert np.abs(one - two).max() > 1e-3 * np.abs(one).max()


@pytest.mark.parametrize("method", AVERAGES)
@pytest.mark.parametrize("most", [1, 7])
def test_a_row_is_the_same_alone_in_a_batch_and_in_chunks(method, most, monkeypatch):
    """A row's random numbers do not depend on the rows before it, nor on how samples are batched."""
    model, x = relu_cnn()
    given = options(method, x)
    whole = ox.explain(load(model), x, method, target=[0, 1, 2], **given)
    alone = ox.explain(load(model), x[1:2], method, target=1, **given)
    np.testing.assert_allclose(alone.attribution[0], whole.attribution[1], atol=1e-13)
    monkeypatch.setattr(EagerEngine, "rows_that_fit", lambda *_: most)
    parts = ox.explain(load(model), x, method, target=[0, 1, 2], **given)
    np.testing.assert_allclose(parts.attribution, whole.attribution, atol=1e-13)


@pytest.mark.parametrize("method", AVERAGES)
def test_a_file_with_a_fixed_batch_says_the_same(method):
    model, x = relu_cnn()
    free = ox.explain(load(model), x, method, **options(method, x))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    fixed = ox.explain(load(model), x, method, **options(method, x))
    np.testing.assert_allclose(fixed.attribution, free.attribution, atol=1e-13)


@pytest.mark.parametrize("method", AVERAGES)
def test_engines_agree(method):
    model, x = relu_cnn()
    given = options(method, x) | {"target": 1}
    exact = ox.explain(load(model), x, method, **given)
    for engine in ("numpy", "onnxruntime"):
        e = ox.explain(ox.load(model, engine=engine), x, method, **given)
        assert e.attribution.dtype == np.float32
        np.testing.assert_allclose(e.attribution, exact.attribution, atol=1e-5 * np.abs(exact.attribution).max())


@pytest.mark.parametrize("of", ["gradient", "input_x_gradient", "guided_backprop", "lrp.epsilon", "deeplift"])
def test_without_noise_smoothgrad_is_the_walk_itself(of):
    """Also of a walk with a baseline, which is the row's own at every sample."""
    model, x = relu_cnn()
    given = {"baseline": x[::-1] / 3} if of == "deeplift" else {}
    walk = ox.Explainer(load(model), of)(x, **given)
    smooth = ox.Explainer(load(model), "smoothgrad", of=of, sigma=0.0, samples=3)(x, **given)
    np.testing.assert_allclose(smooth.attribution, walk.attribution, atol=1e-13)
    assert smooth.record["parameters"]["of"] == of


def test_parameters_of_the_walk_are_given_with_those_of_the_average():
    model, x = relu_cnn()
    walk = ox.explain(load(model), x, "lrp.gamma", gamma=2.0)
    e = ox.explain(load(model), x, "smoothgrad", of="lrp.gamma", gamma=2.0, sigma=0.0, samples=1)
    np.testing.assert_allclose(e.attribution, walk.attribution, atol=1e-13)


@pytest.mark.parametrize("seed", [None, "logit", "probability", "contrast", np.array([1.0, 0.0, -2.0])])
def test_the_seed_says_which_number_is_integrated(seed):
    """A score, a probability, or a sum of scores: complete to its difference from the baseline."""
    loaded, x = load(tanh_net()), draw(2, FEATURES)
    e = ox.Explainer(loaded, "integrated_gradients")(x, 1, seed=seed)
    weights = (
        {"contrast": np.array([-0.5, 1, -0.5])}.get(seed, np.eye(3)[1]) if not isinstance(seed, np.ndarray) else seed
    )
    rows = np.concatenate([x, np.zeros_like(x)])
    y = ox.explain(loaded, rows, "gradient").prediction
    number = np.exp(y)[:, 1] / np.exp(y).sum(1) if isinstance(seed, str) and seed == "probability" else y @ weights
    np.testing.assert_allclose(e.attribution.sum(1), number[:2] - number[2:], atol=1e-9)
    assert np.abs(e.delta).max() < 1e-9


def test_a_neuron_is_integrated_too():
    model, x = relu_cnn()
    e = ox.explain(load(model), x, "integrated_gradients", target=ox.Neuron("r2", 1, "max"), steps=500)
    assert np.abs(e.delta).max() < 2e-3 * np.abs(e.score).max()


def test_what_is_predicted_is_read_at_the_row():
    """On its way to the baseline the prediction changes; the class that is explained does not."""
    model, x = relu_cnn()
    loaded = load(model)
    free = ox.explain(loaded, x, "smoothgrad", sigma=2.0)
    for i, c in enumerate(free.target):
        fixed = ox.explain(loaded, x[i : i + 1], "smoothgrad", target=int(c), sigma=2.0)
        np.testing.assert_allclose(fixed.attribution[0], free.attribution[i], atol=1e-13)


def test_a_picture_of_a_digit_is_complete():
    e = ox.explain(digits(), DIGITS[:3], "integrated_gradients")
    assert np.abs(e.delta).max() < 0.02 * np.abs(e.score).max()
    assert e.attribution.dtype == np.float32


# --- errors, interruption and bars ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        ("integrated_gradients", {"steps": 0}, "steps=0: expected a whole number, 1 or more"),
        ("integrated_gradients", {"of": "lrp.zero"}, "no parameter 'of'"),
        ("smoothgrad", {"samples": 2.5}, "samples=2.5: expected a whole number"),
        ("smoothgrad", {"sigma": -1.0}, "sigma=-1.0: expected a number, 0 or more"),
        ("smoothgrad", {"of": "smoothgrad"}, "averages one that walks backward once"),
        ("smoothgrad", {"of": "gradients"}, "did you mean 'gradient'"),
        ("smoothgrad", {"layer": "r1"}, "'smoothgrad' attributes to the input"),
        ("deepshap", {"baseline": np.zeros((2, 4))}, "baselines of shape"),
        ("integrated_gradients", {"baseline": np.zeros((2, 4))}, "baseline of shape"),
    ],
)
def test_errors_say_what_was_expected(method, given, says):
    model, x = relu_cnn()
    with pytest.raises((UsageError, BadInputError), match=says):
        ox.explain(load(model), x, method, **given)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_token_ids_move_in_the_space_of_their_embedding(dtype):
    """Also where the file takes them as floats, and casts. The embeddings' mean over tokens is the score."""
    ids = [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["N", 4])]
    nodes = [
        node("Cast", "x", "i", to=TensorProto.INT64),
        node("Gather", "table i", "e"),
        node("ReduceMean", "e axes", "y", keepdims=0),
    ]
    table = draw(9, 3)
    model = network(nodes, (1, 4), {"table": table, "axes": np.array([1])}, inputs=ids)
    x, others = np.array([[1, 2, 3, 4]], dtype), np.array([[0, 0, 0, 0], [5, 6, 7, 8]])
    want = {
        "integrated_gradients": (table[x.astype(int)] - table[0])[..., 1] / 4,
        "expected_gradients": None,
        "smoothgrad": np.full((1, 4), 0.25),
        "vargrad": np.zeros((1, 4)),
        "deepshap": (table[x.astype(int)] - table[others].mean(0))[..., 1] / 4,
    }
    for method in AVERAGES:
        baselines = {"integrated_gradients": 0, "expected_gradients": others, "deepshap": others}
        given = {"baseline": baselines[method]} if method in baselines else {}
        e = ox.explain(load(model), x, method, 1, **given)
        assert e.attribution.shape == (1, 4) and e.attribution.dtype == e.prediction.dtype
        if want[method] is not None:
            np.testing.assert_allclose(e.attribution, want[method], atol=1e-6)


def test_nan_on_the_way_names_the_row():
    model = network([node("Sqrt", "x", "root"), node("MatMul", "root w", "y")], (1, 4), {"w": draw(4, 2)})
    with pytest.raises(NumericalError, match=r"row 0: the attribution .* the way from the baseline"):
        ox.explain(load(model), np.ones((1, 4), "f"), "integrated_gradients", baseline=-1.0)


def test_an_interruption_leaves_nothing_behind(monkeypatch):
    model, x = relu_cnn()
    explainer = ox.Explainer(load(model), "smoothgrad", samples=5)
    before, engine = explainer(x).attribution, explainer.method.walk.engine
    monkeypatch.setattr(engine, "walk", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        explainer(x)
    assert not getattr(tqdm, "_instances", ())
    monkeypatch.undo()
    np.testing.assert_array_equal(explainer(x).attribution, before)


@pytest.mark.parametrize(
    ("terminal", "level", "held", "seen"),
    [
        (True, logging.WARNING, nullcontext, True),
        (False, logging.WARNING, nullcontext, False),
        (True, logging.ERROR, nullcontext, False),
        (True, logging.WARNING, lambda: Stop().hold(), False),  # whoever may stop it is not at this terminal
    ],
)
def test_a_bar_is_for_a_terminal_where_more_than_errors_is_shown(terminal, level, held, seen, monkeypatch, caplog):
    out, (model, x) = io.StringIO(), relu_cnn()
    out.isatty = lambda: terminal
    monkeypatch.setattr(bars, "AFTER", 0)
    monkeypatch.setattr(sys, "stderr", out)
    caplog.set_level(level, "onnxplain")
    with held():
        ox.explain(load(model), x, "smoothgrad", samples=5)
    assert ("smoothgrad" in out.getvalue()) == seen
