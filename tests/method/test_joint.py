"""Several inputs explained together, against finite differences, sums, and what is known of a product."""

from __future__ import annotations

from functools import cache

import joint
import numpy as np
import onnxruntime as ort
import pytest

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError, UsageError

WAYS = ({}, {"engine": "numpy"}, {"precision": "float64"})
NETS = {"pictures": joint.pictures, "picture and table": joint.picture_and_table, "tokens": joint.tokens_and_table}
CLASS = 1


@cache
def loaded(name, way=0):
    return ox.load(NETS[name]()[0], input="all", **WAYS[way])


def scores(name, x):
    """The score of the class by the file itself, before a softmax."""
    proto = NETS[name]()[0]
    if proto.graph.node[-1].op_type == "Softmax":
        proto.graph.output[0].name = proto.graph.node[-1].input[0]
    return ort.InferenceSession(proto.SerializeToString()).run(None, x)[0][:, CLASS].astype(float)


def total(e):
    return sum(each.reshape(len(each), -1).sum(1, dtype=float) for each in e.attributions.values())


@pytest.mark.parametrize("way", range(len(WAYS)))
@pytest.mark.parametrize("name", ["pictures", "picture and table"])
def test_the_gradient_of_all_inputs_is_the_slope_along_any_direction(name, way):
    x = NETS[name]()[1]
    e = ox.explain(loaded(name, way), x, "gradient", CLASS)
    assert {key: value.shape for key, value in e.attributions.items()} == {k: v.shape for k, v in x.items()}
    step = 2e-3
    for moved in (*([each] for each in x), list(x)):
        along = {k: np.random.default_rng(3).normal(size=v.shape) * (k in moved) for k, v in x.items()}
        after, before = ({k: (v + s * along[k]).astype("f") for k, v in x.items()} for s in (step, -step))
        slope = (scores(name, after) - scores(name, before)) / (2 * step)
        found = sum((e.attributions[k] * along[k]).reshape(len(along[k]), -1).sum(1) for k in x)
        np.testing.assert_allclose(found, slope, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        *((name, method) for name in NETS for method in ("gradient", "input_x_gradient")),
        *((name, "lrp.epsilon_plus_flat") for name in ("pictures", "tokens")),  # none has a product of two inputs
    ],
)
def test_each_attribution_is_that_of_the_input_alone(name, method):
    """A method without a baseline and samples finds at one input what it finds there beside others that are held."""
    proto, x = NETS[name]()
    together = ox.explain(loaded(name), x, method, CLASS).attributions
    for each in x:
        alone = ox.explain(ox.load(proto, input=each), x, method, CLASS).attribution
        np.testing.assert_allclose(together[each], alone, rtol=1e-4, atol=1e-6)


BASELINES = {
    "pictures": {"left": 0.3, "right": np.full((1, 1, 9, 5), -0.2, "f")},
    "picture and table": {"image": -0.1, "table": joint.draw(3, 3, seed=9)},
    "tokens": {"ids": 0, "table": 0.5},
}


@pytest.mark.parametrize("way", range(len(WAYS)))
@pytest.mark.parametrize("name", NETS)
def test_differences_from_the_baseline_of_all_inputs_are_shared_out(name, way):
    x, given = NETS[name]()[1], BASELINES[name]
    start = {k: np.broadcast_to(np.asarray(given[k], x[k].dtype), x[k].shape) for k in x}
    if name == "tokens":  # the mask is that of the ids themselves, so the file is not asked for the baseline's score
        e = ox.explain(loaded(name, way), x, "deeplift", CLASS, baseline=given)
        np.testing.assert_allclose(e.delta, 0, atol=1e-5)
        return
    due = scores(name, x) - scores(name, start)
    for method, options, near in (("deeplift", {}, 1e-5), ("integrated_gradients", {"steps": 200}, 5e-3)):
        e = ox.explain(loaded(name, way), x, method, CLASS, baseline=given, **options)
        np.testing.assert_allclose(total(e), due, atol=near)
        np.testing.assert_allclose(e.delta, total(e) - due, atol=1e-5)
        np.testing.assert_allclose(e.conservation.due, due, atol=1e-5)
        assert e.conservation.at == "the inputs" and e.parts[next(iter(x))].delta is None


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_all_inputs_move_along_one_line(way):
    """Of u · v, from 0, each of the two gets one half of each product; of u · u, v gets nothing."""
    proto, x = joint.product()
    model = ox.load(proto, input=["v", "u"], **WAYS[way])
    assert list(ox.explain(model, x, "gradient", 0).attributions) == ["v", "u"]
    for method in ("integrated_gradients", "guided_ig"):
        options = {"distance": 0.0} if method == "guided_ig" else {}
        found = ox.explain(model, x, method, 0, **options).attributions
        for each in found.values():
            np.testing.assert_allclose(each, x["u"] * x["v"] / 2, rtol=2e-2, atol=1e-5)
    found = ox.explain(model, x, "integrated_gradients", 1).attributions
    np.testing.assert_allclose(found["u"], x["u"] ** 2, rtol=1e-5)
    assert not found["v"].any()


def test_backgrounds_are_taken_row_by_row_of_all_inputs():
    """Of u · v with Shapley's halves, from (a, b): (u - a)(v + b) / 2 for u, averaged over the pairs (a, b)."""
    proto, x = joint.product()
    a, b = (joint.draw(3, 4, seed=seed) for seed in (7, 8))
    e = ox.explain(ox.load(proto, input="all"), x, "deepshap", 0, baseline={"u": a, "v": b})
    want = np.mean([(x["u"] - a[i]) * (x["v"] + b[i]) / 2 for i in range(3)], 0)
    np.testing.assert_allclose(e.attributions["u"], want, rtol=1e-4, atol=1e-5)
    with pytest.raises(BadInputError, match="2 of 'v', and 3 of 'u'"):
        ox.explain(ox.load(proto, input="all"), x, "deepshap", 0, baseline={"u": a, "v": b[:2]})


def test_noise_is_in_units_of_the_range_of_each_input():
    """The slope of u · v in u is v, so that the variance over noise is that of v's noise, and the other way round."""
    proto, x = joint.product()
    x = {"u": x["u"], "v": 50 * x["v"]}
    e = ox.explain(ox.load(proto, input="all"), x, "vargrad", 0, samples=3000, sigma=0.1)
    for one, other in (("u", "v"), ("v", "u")):
        want = (0.1 * np.ptp(x[other], axis=1, keepdims=True)) ** 2
        np.testing.assert_allclose(e.attributions[one], np.broadcast_to(want, (2, 4)), rtol=0.15)
    first = ox.explain(ox.load(proto, input="all"), x, "smoothgrad", 0, samples=3)
    again = ox.explain(ox.load(proto, input="all"), {k: v[1:] for k, v in x.items()}, "smoothgrad", 0, samples=3)
    np.testing.assert_allclose(first[1].attributions["u"], again.attributions["u"], rtol=1e-6)


def test_inputs_of_any_size_one_after_another():
    """A file that leaves a size open is asked for several; what is planned for one does not answer for another."""
    proto, x = joint.pictures()
    explainer = ox.Explainer(ox.load(proto, input="all"), "integrated_gradients")
    assert "Conv" in str(explainer.plan)
    for height, width in ((9, 5), (5, 9), (9, 5), (15, 3)):
        e = explainer(x | {"right": np.ones((2, 1, height, width), "f")}, CLASS)
        assert e.attributions["right"].shape == (2, 1, height, width)
        np.testing.assert_allclose(e.delta, 0, atol=5e-3)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_file_of_a_fixed_number_of_rows_takes_any(rows):
    proto, x = joint.picture_and_table(rows)
    e = ox.explain(ox.load(proto, input="all"), x, "deeplift", CLASS)
    free = ox.explain(loaded("picture and table"), x, "deeplift", CLASS)
    for name in x:
        np.testing.assert_allclose(e.attributions[name], free.attributions[name], atol=1e-5)


def test_lrp_shares_the_score_out_among_all_inputs_with_a_book():
    e = ox.explain(loaded("pictures"), NETS["pictures"]()[1], "lrp.epsilon", CLASS, book=True)
    np.testing.assert_allclose(total(e) - e.score, e.delta, atol=1e-5)
    taken = sum(each.bias + each.eps + each.lost + each.constants + each.gap for each in e.book.entries)
    np.testing.assert_allclose(e.delta.sum(), -taken, atol=1e-4)


def test_bounds_of_the_box_rule_are_numbers_for_all_inputs():
    (proto, x), box = NETS["pictures"](), {"low": -4.0, "high": 4.0}
    e = ox.explain(loaded("pictures"), x, "lrp.epsilon_gamma_box", CLASS, **box)
    alone = ox.explain(ox.load(proto, input="right"), x, "lrp.epsilon_gamma_box", CLASS, **box)
    np.testing.assert_allclose(e.attributions["right"], alone.attribution, rtol=1e-4, atol=1e-6)
    for bounds in ({}, {"low": [-1.0] * 3, "high": [1.0] * 3}):
        with pytest.raises(UsageError, match="two numbers, the bounds of all of 'left', 'right'"):
            ox.Explainer(loaded("pictures"), "lrp.epsilon_gamma_box", **bounds)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("grad_cam", "weighs the channels of a layer, whose map lies over one input, and 'left', 'right' are"),
        ("blur_ig", "blurs one input; integrated_gradients takes several"),
        ("occlusion", "explains one input; integrated_gradients, deeplift and lrp take several"),
        ("kernel_shap", "explains one input"),
        ("fullgrad", "load the model with input='left' for one of them"),
    ],
)
def test_what_has_no_meaning_for_several_inputs_is_refused_by_name(method, said):
    with pytest.raises(UsageError, match=said):
        ox.Explainer(loaded("pictures"), method)


def test_everything_else_that_is_for_one_input_is_refused_by_name(tmp_path):
    model, x = loaded("pictures"), NETS["pictures"]()[1]
    for ask in (
        lambda: ox.Explainer(model, "gradient", layer="r1"),
        lambda: ox.export(model, "gradient", tmp_path / "e.onnx"),
        lambda: ox.evaluate(model, x, ["gradient"]),
        lambda: ox.compare(model, x["left"], ["gradient"]),
        lambda: ox.visualise(model, 0),
    ):
        with pytest.raises(UsageError, match="'left', 'right' are explained together; load the model with input="):
            ask()


def test_an_input_that_does_not_reach_the_scores_is_refused_and_is_none_of_all():
    proto, x = joint.picture_and_table(idle=True)
    model = ox.load(proto, input="all")
    assert model.together == ("image", "table")
    assert list(ox.explain(model, x, "gradient").attributions) == ["image", "table"]
    with pytest.raises(UnsupportedModelError, match="the scores do not depend on the input 'spare'"):
        ox.load(proto, input=["image", "spare"])


def test_names_that_are_wrong_are_refused():
    proto, x = joint.pictures()
    for names in ([], ["left", "left"], ["left", 3]):
        with pytest.raises(UsageError, match="expected the name of an input, a list of different names, or 'all'"):
            ox.load(proto, input=names)
    with pytest.raises(UsageError, match="no input 'centre'"):
        ox.load(proto, input=["left", "centre"])
    assert ox.explain(ox.load(proto, input=["right"]), {"right": x["right"], **x}, "gradient").attribution.shape[1] == 1
    with pytest.raises(UsageError, match=r'input=\["left", "right"\]|input=\[\'left\', \'right\'\]'):
        ox.explain(ox.load(proto), x, "gradient")


def test_inputs_and_baselines_that_do_not_fit_are_refused():
    model, x = loaded("pictures"), NETS["pictures"]()[1]
    cases = [
        (BadInputError, "pass a dict of inputs by name", x["left"], {}),
        (BadInputError, "the model also needs 'right'", {"left": x["left"]}, {}),
        (BadInputError, "right: 1 rows, and 'left' has 2", x | {"right": x["right"][:1]}, {}),
        (UsageError, "a dict with a baseline for each", x, {"baseline": np.zeros((1, 3, 6, 7))}),
        (UsageError, "'middle' is not explained", x, {"baseline": {"middle": 0}}),
        (BadInputError, "baseline of shape", x, {"baseline": {"left": np.zeros((4, 3, 6, 7))}}),
    ]
    for error, said, given, options in cases:
        with pytest.raises(error, match=said):
            ox.Explainer(model, "deeplift")(given, CLASS, **options)


def test_an_embedding_beside_a_table_takes_tokens_for_its_baseline():
    proto, x = joint.tokens_and_table()
    model = ox.load(proto, input="all", vocabulary=["[PAD]", *map(str, range(1, 7))])
    assert model.roots == {"ids": "e", "table": "table"}
    e = ox.explain(model, x, "integrated_gradients", CLASS, baseline={"ids": "pad", "table": 0.5}, steps=200)
    assert e.attributions["ids"].shape == (2, 5)
    assert e.record["baseline"]["inputs"] == {"ids": {"token": "pad", "id": 0}, "table": 0.5}
    np.testing.assert_allclose(e.delta, 0, atol=2e-2)
    assert not e.attributions["ids"][0, 3:].any()  # they are the baseline themselves
    assert e.parts["ids"].tokens() == ("1", "2", "3", "[PAD]", "[PAD]") and e.parts["table"].vocabulary is None
