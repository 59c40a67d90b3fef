"""Targets and seeds: classes, labels, one per row, arrays, and values inside the network."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from nets import DIGITS, digits, network, node, relu_cnn
from onnx.reference import ReferenceEvaluator

import onnxplain as ox


def test_the_predicted_class_is_the_default():
    e = ox.explain(digits(), DIGITS, "gradient")
    assert [int(path.name.split("_")[1]) for path in DIGITS] == e.target.tolist() == list(map(int, e.labels))
    np.testing.assert_allclose(e.score, e.prediction.max(1))


@pytest.mark.parametrize("target", [4, "4", [4, 4], np.array(4), np.array([4, 4])], ids=str)
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
        (ox.Neuron(5), "no value 5"),
        (ox.Neuron("/Relu_output_0", "a"), "channel 'a' of"),
        (ox.Neuron("/Relu_output_0", 1.0), "channel 1.0 of"),
        (ox.Neuron("/Relu_output_0", 0, ("a", 0)), r"position \('a', 0\) of"),
        (ox.Neuron("/Relu_output_0", 0, 3), "position 3 of"),
    ],
)
def test_a_target_that_does_not_fit_says_so(target, message):
    with pytest.raises(ox.errors.UsageError, match=message):
        ox.explain(digits(), DIGITS[0], "gradient", target=target)


@pytest.mark.parametrize(
    "seed", ["probability", "softmax", "contrast", "bogus", np.ones(4), [1.0, 0.0, 0.0, 0.0]], ids=str
)
@pytest.mark.parametrize("method", ["gradient", "occlusion", "integrated_gradients"])
def test_a_neuron_has_no_probability_and_no_other_classes(method, seed):
    model, x = relu_cnn()
    with pytest.raises(ox.errors.UsageError, match="for a Neuron: it takes"):
        ox.explain(ox.load(model), x, method, target=ox.Neuron("r1", 0), seed=seed)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
@pytest.mark.parametrize("rows", [None, 2])
def test_a_seed_for_each_row_fits_a_filled_batch_and_may_be_a_list(rows, engine):
    model, x = relu_cnn()
    seed = np.random.default_rng(0).normal(size=(3, 4))
    each = [ox.explain(ox.load(model), x[i : i + 1], "gradient", seed=seed[i]).attribution[0] for i in range(3)]
    if rows:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = rows
    got = ox.explain(ox.load(model, engine=engine), x, "gradient", seed=seed.tolist()).attribution
    np.testing.assert_allclose(got, each, atol=1e-5 * np.abs(each).max())


@pytest.mark.parametrize("seed", [np.ones(3), [[1.0, 2.0]], ["a", "b", "c", "d"]], ids=str)
def test_an_array_that_is_no_seed_says_so(seed):
    model, x = relu_cnn()
    with pytest.raises(ox.errors.UsageError, match="seed"):
        ox.explain(ox.load(model), x[:1], "gradient", seed=seed)


# --- probabilities ----------------------------------------------------------------------------------------------------


def classifier(head, classes):
    """A smooth network, with weights for a head or for none."""
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=(5, 7)).astype("f"), rng.normal(size=(7, classes)).astype("f")
    nodes = [node("MatMul", "x w", "h"), node("Tanh", "h", "t"), node("MatMul", "t v", "s" if head else "y")]
    end = [node(head, "s", "y")] if head else []
    return network([*nodes, *end], (1, 5), {"w": w, "v": v}), rng.normal(size=(2, 5)).astype("f")


def odds_at(head, classes, x):
    """What the file itself gives, or the sigmoid of its single score."""
    y = ReferenceEvaluator(classifier(head, classes)[0]).run(None, {"x": x.astype("f")})[0].astype(float)
    return y if head else 1 / (1 + np.exp(-y))


HEADS = [("Sigmoid", 3), ("Softmax", 3), ("Sigmoid", 1), (None, 1)]


@pytest.mark.parametrize(("head", "classes"), HEADS)
def test_the_probability_is_that_of_the_file_s_own_head(head, classes):
    """Hiding all columns at once takes away the difference of the file's own outputs."""
    model, x = classifier(head, classes)
    e = ox.explain(ox.load(model), x, "occlusion", target=classes - 1, seed="probability", window=5, stride=5)
    due = odds_at(head, classes, x) - odds_at(head, classes, np.zeros_like(x))
    np.testing.assert_allclose(e.attribution.sum(1), due[:, -1], atol=1e-6)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
@pytest.mark.parametrize(("head", "classes"), HEADS)
def test_its_slope_is_the_softmax_seed(head, classes, engine):
    """By central differences of what the file itself gives."""
    model, x = classifier(head, classes)
    got = ox.explain(ox.load(model, engine=engine), x, "gradient", target=classes - 1, seed="softmax").attribution
    steps = np.eye(5) * 1e-2
    ends = [np.stack([odds_at(head, classes, x + sign * step)[:, -1] for step in steps], 1) for sign in (1, -1)]
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / 2e-2, atol=1e-3)


@pytest.mark.parametrize(("head", "classes"), HEADS)
def test_a_probability_is_integrated(head, classes):
    model, x = classifier(head, classes)
    loaded = ox.load(model, precision="float64")
    e = ox.explain(loaded, x, "integrated_gradients", target=classes - 1, seed="probability")
    due = odds_at(head, classes, x) - odds_at(head, classes, np.zeros_like(x))
    np.testing.assert_allclose(e.attribution.sum(1), due[:, -1], atol=1e-6)
    assert np.abs(e.delta).max() < 1e-9


@pytest.mark.parametrize(("head", "classes"), HEADS[:3])
def test_a_written_model_knows_its_head(head, classes, tmp_path):
    model, x = classifier(head, classes)
    loaded = ox.load(model)
    wanted = ox.explain(loaded, x, "gradient", seed="softmax").attribution
    ox.export(loaded, "gradient", tmp_path / "e.onnx", seed="softmax")
    session = ort.InferenceSession(tmp_path / "e.onnx")
    feeds = {each.name: x if each.name == "x" else np.full(2, -1) for each in session.get_inputs()}
    found = dict(zip([each.name for each in session.get_outputs()], session.run(None, feeds), strict=True))
    np.testing.assert_allclose(found["attribution"], wanted, atol=1e-6)
