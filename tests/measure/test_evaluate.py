"""`ox.evaluate`: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import onnx
import pytest
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn

import onnxplain as ox
from onnxplain.errors import BadInputError, MissingExtraError, UsageError
from onnxplain.measure.pixel_flipping import PixelFlipping

FEW = {"steps": 4, "samples": 4}
ALL = FEW | {"masks": (2, 1, 7, 8)}
"""What all measures need on `relu_cnn`."""


def small(precision="float32"):
    model, x = relu_cnn()
    return ox.load(model, precision=precision), x


def test_every_measure_judges_methods_and_the_control_on_every_sample():
    model, x = small()
    e = ox.evaluate(model, x, ["gradient", "lrp.epsilon"], ox.measures(), **ALL)
    assert e.methods == ("gradient", "lrp.epsilon", "random")
    for measure in ox.measures():
        for method in e.methods:
            found = e[measure, method]
            assert set(found.values) == set(next(m for m in e.measures if m.name == measure).quantities)
            assert all(each.shape == (3,) and np.isfinite(each).all() for each in found.values.values())
            assert all(each.shape[0] == 3 for each in found.curves.values())


def test_the_same_seed_gives_the_same_numbers_whatever_else_is_judged():
    model, x = small()
    runs = [
        ox.evaluate(model, x, methods, measures, random_seed=seed, **ALL).to_dict()["results"]
        for methods, measures, seed in (
            (["gradient", "smoothgrad"], list(ox.measures()), 1),
            (["smoothgrad"], list(ox.measures())[::-1], 1),
            (["smoothgrad"], list(ox.measures()), 2),
        )
    ]
    keyed = [{(each["measure"], each["method"]): each for each in run} for run in runs]
    for key, found in keyed[1].items():
        assert found == keyed[0][key]
    changed = [key for key, found in keyed[2].items() if found != keyed[1][key]]
    assert {("pixel_flipping", "smoothgrad"), ("sensitivity", "random"), ("infidelity", "random")} <= set(changed)


def test_rows_are_judged_alike_alone_and_together():
    model, x = small("float64")
    measures = [name for name in ox.measures() if name != "model_randomisation"]
    together = ox.evaluate(model, x, ["lrp.epsilon"], measures, **ALL)
    alone = ox.evaluate(model, x[:1], ["lrp.epsilon"], measures, **ALL)
    for key in alone.results:
        for name, values in alone[key].values.items():
            np.testing.assert_allclose(values[0], together[key].values[name][0], rtol=1e-9)


def test_a_file_with_a_fixed_batch_is_judged_like_one_with_a_free_batch():
    proto, x = relu_cnn()
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    free, two = (
        ox.evaluate(ox.load(each), x, ["gradient"], ["pixel_flipping", "infidelity"], **FEW) for each in (proto, fixed)
    )
    np.testing.assert_allclose(free.of("aopc")["gradient"], two.of("aopc")["gradient"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(free.of("unexplained")["gradient"], two.of("unexplained")["gradient"], rtol=1e-3)


def test_targets_are_the_predicted_classes_or_those_given():
    model, x = small()
    predicted = ox.explain(model, x, "gradient").target
    assert ox.evaluate(model, x, ["gradient"], "completeness").target == tuple(predicted)
    assert ox.evaluate(model, x, ["gradient"], "completeness", target=[2, 0, 1]).target == (2, 0, 1)
    with pytest.raises(UsageError, match="2 targets for 3 rows"):
        ox.evaluate(model, x, ["gradient"], "completeness", target=[2, 0])
    with pytest.raises(UsageError, match="score of a class"):
        ox.evaluate(model, x, ["gradient"], "completeness", target=ox.Neuron("r1", 0))


def test_methods_are_names_composites_and_functions_of_a_model():
    model, x = small()
    methods = {
        "by name": "lrp.gamma",
        "with parameters": lambda model: ox.Explainer(model, "lrp.gamma", gamma=0.25),
        "composite": ox.Explainer(model, "lrp.gamma").method.composite,
        "array": lambda model: ox.Explainer(model, "lrp.gamma").attribute,
    }
    e = ox.evaluate(model, x, methods, "pixel_flipping", steps=4)
    for name in methods:
        np.testing.assert_array_equal(e.of("aopc")[name], e.of("aopc")["by name"])
    assert e.methods == (*methods, "random")


def test_an_input_that_is_not_explained_stays():
    nodes = [node("Gemm", "x w", "g"), node("Mul", "g scale", "y")]
    feeds = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", size])
        for name, size in (("x", 4), ("scale", 3))
    ]
    model = network(nodes, None, {"w": np.arange(12, dtype="f").reshape(4, 3)}, inputs=feeds)
    x = {"x": np.ones((2, 4), "f"), "scale": np.array([[1, 1, 1], [2, 2, 2]], "f")}
    measures = [name for name in ox.measures() if name != "road"]  # there are no pictures
    masks = np.array([True, False, False, True])
    e = ox.evaluate(ox.load(model, input="x"), x, ["gradient"], measures, target=0, masks=masks)
    fell = e["pixel_flipping", "random"].curves["morf"]
    assert e.of("infidelity")["gradient"].max() < 1e-6
    assert fell.shape == (2, 5)


def test_whole_numbers_are_judged_but_not_moved():
    nodes = [node("Cast", "x", "c", to=1), node("Gemm", "c w", "y")]
    feeds = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["N", 4])]
    model = ox.load(network(nodes, None, {"w": np.arange(8, dtype="f").reshape(4, 2)}, inputs=feeds))
    x = np.array([[200, 10, 0, 255]], np.uint8)
    e = ox.evaluate(model, x, ["gradient"], ["pixel_flipping", "insertion_deletion", "infidelity"], target=1)
    assert e.of("infidelity")["gradient"].max() < 1e-6
    with pytest.raises(UsageError, match="uint8 values have nothing between"):
        ox.evaluate(model, x, ["gradient"], "sensitivity")


# --- the result -------------------------------------------------------------------------------------------------------


def test_the_table_the_json_and_the_numbers_agree(tmp_path):
    model, x = small()
    e = ox.evaluate(model, x, ["gradient"], ["pixel_flipping", "completeness"], steps=3)
    values = e["pixel_flipping", "gradient"].values["aopc"]
    assert f"{values.mean():.4g} ± {values.std(ddof=1) / 3**0.5:.2g}" in str(e)
    assert "aopc ↑" in str(e) and "relative_gap ↓" in str(e)
    found = json.loads(e.to_json(tmp_path / "e.json"))
    assert found == json.loads((tmp_path / "e.json").read_text())
    first = found["results"][0]
    assert (first["measure"], first["method"]) == ("pixel_flipping", "gradient")
    assert first["quantities"]["aopc"]["samples"] == values.tolist()
    assert first["quantities"]["aopc"]["mean"] == pytest.approx(values.mean())
    assert found["measures"]["pixel_flipping"]["steps"] == 3
    assert found["model"]["sha256"] == model.sha256 and found["versions"]["onnxruntime"]
    apart = values - e.of("aopc")["random"]
    assert e.difference("aopc", "gradient") == pytest.approx((apart.mean(), apart.std(ddof=1) / 3**0.5))


def test_a_single_sample_has_no_standard_error():
    model, x = small()
    e = ox.evaluate(model, x[:1], ["gradient"], "completeness")
    assert "±" not in str(e).splitlines()[-1]
    assert json.loads(e.to_json())["results"][0]["quantities"]["gap"]["standard_error"] is None


def test_an_infinite_share_is_null_in_json():
    model = ox.load(network([node("Gemm", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")}))
    e = ox.evaluate(model, np.zeros((1, 2), "f"), ["gradient"], "completeness")
    assert e.of("relative_gap")["gradient"][0] == np.inf
    assert json.loads(e.to_json())["results"][0]["quantities"]["relative_gap"]["mean"] is None


def test_infinite_shares_have_no_standard_error():
    model = ox.load(network([node("Gemm", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")}))
    e = ox.evaluate(model, np.zeros((2, 2), "f"), ["gradient"], "completeness", target=0)
    assert e.of("relative_gap")["gradient"].tolist() == [np.inf, np.inf]
    assert np.isnan(e["completeness", "gradient"].standard_error("relative_gap"))
    assert np.isnan(e.difference("relative_gap", "gradient")[0])
    assert "inf" in str(e)
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    e.plot().savefig(io.BytesIO())


@pytest.mark.parametrize("measure", ["pixel_flipping", "sensitivity"])
def test_plots_have_a_panel_a_curve_or_a_quantity(measure, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model, x = small()
    e = ox.evaluate(
        model, x, ["gradient", "deeplift"], measure, **({"steps": 4} if measure == "pixel_flipping" else {})
    )
    figure = e.plot(measure)
    found = e[measure, "gradient"]
    assert len(figure.axes) == len(found.curves or found.values)
    if found.curves:
        lines = {line.get_label(): line for line in figure.axes[0].lines}
        np.testing.assert_allclose(lines["gradient"].get_ydata(), found.curves["morf"].mean(0))
        assert len({(line.get_color(), line.get_linestyle()) for line in lines.values()}) == 3
    figure.savefig(tmp_path / "drawn.png")


def test_plots_say_what_is_missing(monkeypatch):
    import sys

    model, x = small()
    e = ox.evaluate(model, x, ["gradient"], "completeness")
    with pytest.raises(UsageError, match="'sensitivity' was not run"):
        e.plot("sensitivity")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="matplotlib"):
        e.plot()


# --- folders and errors -----------------------------------------------------------------------------------------------


def test_a_folder_is_read_in_sorted_order_and_the_rest_is_noted(tmp_path):
    for path in reversed(DIGITS[:3]):
        shutil.copy(path, tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").write_text("")
    e = ox.evaluate(digits(), tmp_path, ["gradient"], "completeness")
    assert e.samples == tuple(str(tmp_path / path.name) for path in DIGITS[:3])
    assert e.target == (0, 1, 2)
    assert e.record["notes"] == [f"{tmp_path / 'notes.txt'}: passed over, no picture, sound or array by its ending"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"methods": ["gradiant"]}, "did you mean 'gradient'"),
        ({"methods": []}, "methods= is empty"),
        ({"methods": ["random"]}, "methods= is empty"),
        ({"methods": [3]}, "methods=3"),
        ({"methods": None}, "methods=None"),
        ({"methods": 5}, "methods=5"),
        ({"methods": {"z": 5}}, "methods=5"),
        ({"methods": ["gradient", "gradient"]}, "two called 'gradient'"),
        ({"methods": [lambda m: m, lambda m: m]}, "two called '<lambda>': pass a dict"),
        ({"methods": {"random": lambda m: m}}, "two called 'random'"),
        ({"methods": {"z": lambda _: None}}, "'z' made None"),
        ({"measures": None}, "measures=None"),
        ({"measures": [5]}, "measures=5"),
        ({"measures": ["completeness", "completeness"]}, "'completeness' more than once"),
        ({"random_seed": -1}, "random_seed=-1"),
        ({"random_seed": "a"}, "random_seed='a'"),
        ({"random_seed": 1.5}, "random_seed=1.5"),
        ({"random_seed": True}, "random_seed=True"),
        ({"random_seed": None}, "random_seed=None"),
        ({"measures": "sensitivity", "radius": "a"}, "radius='a'"),
        ({"measures": "sensitivity", "radius": 0}, "radius=0"),
        ({"measures": "sensitivity", "radius": float("nan")}, "radius=nan"),
        ({"measures": "infidelity", "hidden": None}, "hidden=None"),
        ({"measures": "infidelity", "hidden": 1.5}, "hidden=1.5"),
        ({"measures": "infidelity", "hidden": 0}, "hidden=0"),
        ({"measures": "infidelity", "slopes": 3}, "slopes=3"),
        ({"measures": "infidelity", "slopes": [3]}, "slopes="),
        ({"measures": ["pixel_fliping"]}, "did you mean 'pixel_flipping'"),
        ({"measures": []}, "measures= is empty"),
        ({"samples": 3}, "no measure asked for has an option 'samples'; there are: fill, region, score, steps"),
        ({"measures": [PixelFlipping()], "steps": 3}, "option 'steps'"),
        ({"steps": 0}, "steps=0"),
    ],
)
def test_what_is_unknown_is_refused_with_an_offer(given, said):
    model, x = small()
    with pytest.raises(UsageError, match=said):
        ox.evaluate(model, x, **{"methods": ["gradient"], **given})


def test_what_was_not_measured_is_refused():
    model, x = small()
    e = ox.evaluate(model, x, ["gradient"], "completeness")
    for ask in (lambda: e.of("aopc"), lambda: e["sensitivity", "gradient"], lambda: e.difference("gap", "deeplift")):
        with pytest.raises(UsageError, match=r"not|nothing"):
            ask()


def test_an_explanation_of_the_wrong_shape_or_with_nan_is_refused():
    model, x = small()

    def flat(model):
        return lambda feeds, _: feeds["x"].reshape(3, -1)

    def broken(model):
        return lambda feeds, _: feeds["x"] * np.nan

    with pytest.raises(BadInputError, match="'flat'"):
        ox.evaluate(model, x, [flat])
    with pytest.raises(BadInputError, match="'broken': NaN"):
        ox.evaluate(model, x, [broken])
    for given in ("text", None, [[1.0], [1.0, 2.0]]):
        with pytest.raises(BadInputError, match=f"'wrong' gave {type(given).__name__}"):
            ox.evaluate(model, x, {"wrong": lambda _, given=given: lambda *_: given})


def test_a_quantity_that_these_inputs_have_not_is_not_offered():
    model = ox.load(network([node("Gemm", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")}))
    e = ox.evaluate(model, np.ones((2, 2), "f"), ["gradient"], "model_randomisation")
    with pytest.raises(UsageError, match="'ssim_all' was not measured") as said:
        e.of("ssim_all")
    assert "spearman_all" in str(said.value) and "ssim_cascading" not in str(said.value)


def test_a_forest_can_be_judged_by_what_only_runs_it():
    x = np.load(BUNDLED / "digits_samples.npy")[:2]

    def itself(model):
        return lambda feeds, _: feeds[model.explained_input.name]

    e = ox.evaluate(BUNDLED / "digits_forest_sklearn.onnx", x, [itself], ["pixel_flipping", "infidelity"], samples=5)
    assert e["pixel_flipping", "itself"].curves["morf"].shape == (2, 65)
