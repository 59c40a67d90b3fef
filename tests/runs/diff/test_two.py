"""Two runs or two models compared: every figure against the two explanations themselves; what is refused by name."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import onnx
import pytest
from nets import BUNDLED, DIGITS, digits
from onnx import numpy_helper
from PIL import Image

import onnxplain as ox
from onnxplain.runs.diff.gates import read_gate
from onnxplain.runs.diff.likeness import likeness

SCANS = DIGITS[:6]


@pytest.fixture(scope="module")
def changed():
    """The digits network with noise on the weights of one convolution, so that some classes change."""
    proto = onnx.load(BUNDLED / "digits_cnn_torch.onnx")
    weights = next(each for each in proto.graph.initializer if len(each.dims) == 4 and each.dims[1] > 1)
    values = numpy_helper.to_array(weights)
    noise = np.random.default_rng(2).standard_normal(values.shape).astype("f")
    weights.CopyFrom(numpy_helper.from_array(values + 1.5 * values.std() * noise, weights.name))
    with_labels = {"labels": BUNDLED / "digits.labels.txt"}
    return ox.load(proto, preprocess=BUNDLED / "digits_cnn_torch.preprocess.json", **with_labels)


@pytest.fixture(scope="module")
def found(changed):
    return ox.diff(digits(), changed, SCANS, "gradient", worst=3)


def test_every_row_is_what_its_two_explanations_say(found, changed):
    a, b = ox.Explainer(digits(), "gradient"), ox.Explainer(changed, "gradient")
    rows = list(found.each())
    assert [row.name for row in rows] == [path.name for path in SCANS]
    for path, row in zip(SCANS, rows, strict=True):
        one = a(path)
        two = b(path, int(one.target[0]))
        assert row.target == one.labels[0] and row.predicted[1] == str(two.prediction[0].argmax())
        assert row.changed == (row.predicted[0] != row.predicted[1])
        assert row.score_change == pytest.approx(float(two.score[0]) - float(one.score[0]), abs=1e-5)
        exact = likeness(one.relevance[0], two.relevance[0])
        assert row.alike == pytest.approx(exact, abs=2e-3)  # stored in half precision


def test_statistics_are_those_of_the_rows(found):
    rows = list(found.each())
    assert any(row.changed for row in rows) and not all(row.changed for row in rows)
    assert found.rows == found.compared == len(SCANS) and not found.missing
    for quantity in ("changed", "score_change", "score_distance", "spearman", "cosine", "relative_l2"):
        values = np.array([row.value(quantity) for row in rows])
        statistics = found.of(quantity)
        assert statistics["mean"] == pytest.approx(values.mean())
        assert (statistics["min"], statistics["max"]) == (values.min(), values.max())
        assert statistics["median"] == pytest.approx(np.quantile(values, 0.5, method="lower"), rel=1e-4)
        low, high = found.extremes[quantity]
        assert (low.value(quantity), high.value(quantity)) == (values.min(), values.max())
    assert found.classes["3"]["spearman"] == rows[3].value("spearman")
    assert [row.rank for row in found.worst] == sorted(row.rank for row in rows)[:3]


def test_a_gate_bounds_its_statistic(found):
    values = found.of("spearman")
    between = (values["min"] + values["mean"]) / 2
    assert read_gate(f"spearman={between}", "at_least").passes(found)
    assert not read_gate(f"min:spearman={between}", "at_least").passes(found)
    assert read_gate(f"min:spearman={between}", "at_most").passes(found)
    line = read_gate(f"min:spearman={between}", "at_least").line(found)
    assert line.endswith(f"expected at least {between:g}; {found.worst[0].name} has {values['min']:.6g}")


def test_a_model_and_itself_are_exactly_equal():
    found = ox.diff(digits(), digits(), SCANS[:3], "lrp.epsilon_plus_flat")
    for quantity in ("spearman", "cosine", "overlap"):
        assert set(found.of(quantity).values()) == {1.0}
    for quantity in ("changed", "score_change", "relative_l2", "sign_flips"):
        assert set(found.of(quantity).values()) == {0.0}
    assert str(found).splitlines()[0].endswith("each explained for the class that digits_cnn_torch.onnx (A) predicts")


def test_exports_of_two_frameworks_are_compared_over_their_layouts(tmp_path):
    """The Keras file has channels last; its maps are those of the PyTorch file but for rounding."""
    found = ox.diff(digits(), digits("digits_cnn_keras"), SCANS[:3], "gradient", store="attribution")
    assert found.of("spearman")["min"] > 0.999 and 0 < found.of("relative_l2")["max"] < 1e-4
    assert found.of("changed")["max"] == 0


def test_runs_of_other_inputs_are_matched_by_content_and_the_rest_is_named(tmp_path):
    for name, paths in {"old": SCANS[:4], "new": [SCANS[3], SCANS[0], SCANS[5], SCANS[1]]}.items():
        (tmp_path / name).mkdir()
        for i, path in enumerate(paths):
            shutil.copy(path, tmp_path / name / (path.name if name == "old" else f"{i}_{path.name}"))
    shutil.copy(SCANS[4], tmp_path / "new" / SCANS[2].name)  # the name of a file of the other folder
    a, b = (ox.run(digits(), tmp_path / name, tmp_path / f"run_{name}", "gradient") for name in ("old", "new"))
    found = ox.diff(a, b)
    assert [(row.name, row.index[1]) for row in found.each()] == [
        (SCANS[0].name, 1),
        (SCANS[1].name, 3),
        (SCANS[3].name, 0),
    ]
    assert set(found.of("relative_l2").values()) == {0.0}
    assert found.left_a.named == [(SCANS[2].name, "B has another file of this name")]
    assert sorted(name for name, _ in found.left_b.named) == [f"2_{SCANS[5].name}", SCANS[2].name]
    assert "2 rows of run_new are not compared" in str(found)


def test_rows_of_one_array_and_files_of_one_content_are_matched_one_by_one(tmp_path):
    rows = np.random.default_rng(0).standard_normal((4, 1, 16, 16)).astype("f")
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "copy.npy", rows)
    np.save(tmp_path / "other.npy", rows[::-1].copy())
    model = digits()
    a = ox.run(model, [tmp_path / "rows.npy", tmp_path / "copy.npy"], tmp_path / "a", "gradient")
    b = ox.run(
        model, [tmp_path / "other.npy", tmp_path / "copy.npy", tmp_path / "rows.npy"], tmp_path / "b", "gradient"
    )
    found = ox.diff(a, b)
    assert sorted(row.index[1] for row in found.each()) == list(range(4, 12))
    assert set(found.of("relative_l2").values()) == {0.0} and found.left_b.count == 4


def test_an_input_that_one_model_cannot_read_is_named(tmp_path):
    shutil.copy(SCANS[0], tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    found = ox.diff(digits(), digits(), tmp_path, "gradient")
    assert found.rows == 1 and found.missing == 1
    name, why = found.left_a.named[0]
    assert name == "b.png" and why.startswith("A could not explain it: ")


def test_a_model_is_run_as_a_run_was(tmp_path, changed):
    a = ox.run(digits(), SCANS[:3], tmp_path / "a", "lrp.gamma", gamma=0.5, target=2)
    found = ox.diff(a, changed, SCANS[:3], out=tmp_path)
    b = ox.Run(tmp_path / "b")
    assert b.job.asked["method"]["parameters"] == a.job.asked["method"]["parameters"]
    assert {row.target for row in b.rows()} == {2} and found.rows == 3
    again = ox.diff(tmp_path / "a", tmp_path / "b")
    assert again.to_dict()["quantities"] == found.to_dict()["quantities"]
    with pytest.raises(ox.errors.UsageError, match="not those of the run"):
        ox.diff(a, changed, SCANS[1:4])


def test_maps_of_two_classes_are_not_compared(tmp_path, changed):
    a, b = (ox.run(each, SCANS, tmp_path / name, "gradient") for each, name in ((digits(), "a"), (changed, "b")))
    found = ox.diff(a, b)
    apart = sum(row.changed for row in found.each())
    assert 0 < apart == found.rows - found.compared
    assert found.worst[0].alike is None
    rows = {row.index: row for row in a.rows()}
    for row in found.each():
        one, two = rows[row.index[0]], b.row(row.index[1])
        assert row.score_change == pytest.approx(float(two.scores[one.target]) - one.score, abs=1e-6)
    assert f"{apart} rows explain two classes; their maps are not compared" in str(found)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"method": "saliency"}, "name: gradient and saliency"),
        ({"smooth": 1.0}, "smooth: 0.0 and 1.0"),
        ({"store": "attribution"}, "what is stored: relevance and attribution"),
    ],
)
def test_maps_made_in_two_ways_are_refused_by_name(tmp_path, other, said):
    a = ox.run(digits(), SCANS[:1], tmp_path / "a", "gradient")
    b = ox.run(digits(), SCANS[:1], tmp_path / "b", **{"method": "gradient", **other})
    with pytest.raises(ox.errors.UsageError, match=said):
        ox.diff(a, b)


def test_maps_of_two_sizes_are_refused_by_name(tmp_path):
    Image.new("L", (160, 160), 90).save(tmp_path / "grey.png")
    files = {"preprocess": BUNDLED / "xray_v1.preprocess.json", "labels": ["3", "4"]}
    a = digits()
    with pytest.raises(ox.errors.UsageError, match=r"grey\.png: the maps have the sizes \[16, 16\] and \[160, 160\]"):
        ox.diff(a, ox.load(BUNDLED / "xray_v1.onnx", **files), tmp_path / "grey.png", "gradient", target="3")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "the models have 10 and 2 scores"),
        (["ill", "well"], "no class of A is one of B"),
        (["3", "3"], "the label '3' stands twice"),
    ],
)
def test_classes_that_are_not_known_to_be_the_same_are_refused(tmp_path, labels, said):
    Image.new("L", (160, 160), 90).save(tmp_path / "grey.png")
    b = ox.load(BUNDLED / "xray_v1.onnx", preprocess=BUNDLED / "xray_v1.preprocess.json", labels=labels)
    with pytest.raises(ox.errors.UsageError, match=said):
        ox.diff(digits(), b, tmp_path / "grey.png", "gradient")


def test_runs_without_a_common_input_are_refused(tmp_path):
    a, b = (ox.run(digits(), [SCANS[i]], tmp_path / str(i), "gradient") for i in (0, 1))
    with pytest.raises(ox.errors.BadInputError, match="no input is in both 0 and 1"):
        ox.diff(a, b)


def test_what_is_for_models_is_refused_for_runs(tmp_path):
    a = ox.run(digits(), SCANS[:1], tmp_path / "a", "gradient")
    with pytest.raises(ox.errors.UsageError, match="method: both are runs"):
        ox.diff(a, a, method="deeplift")
    with pytest.raises(ox.errors.UsageError, match="give the run first"):
        ox.diff(digits(), a)
    with pytest.raises(ox.errors.UsageError, match="give data"):
        ox.diff(digits(), digits())


def test_what_is_saved(found, tmp_path):
    found.save(tmp_path / "worst.png")
    with Image.open(tmp_path / "worst.png") as picture:
        assert picture.size[0] > 800 and json.loads(picture.text["onnxplain"])["rows"] == len(SCANS)
    small = found.picture(size=170, boxes={SCANS[0].name: [(1, 1, 5, 5)]})
    assert small.size[0] < picture.size[0]
    found.save(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["spearman"]) for row in table] == [row.value("spearman") for row in found.each()]
    found.save(tmp_path / "all.json")
    assert json.loads((tmp_path / "all.json").read_text()) == json.loads(found.to_json())
    with pytest.raises(ox.errors.UsageError, match=r"is saved as \.png"):
        found.save(tmp_path / "all.txt")


def test_tables_are_drawn_as_bars(tmp_path):
    wine = {"features": BUNDLED / "wine.features.txt"}
    model = ox.load(BUNDLED / "wine_mlp_torch.onnx", **wine)
    found = ox.diff(model, model, BUNDLED / "wine_sample.npy", "gradient")
    found.save(tmp_path / "worst.png")
    assert found.of("cosine")["min"] == 1
    with pytest.raises(ox.errors.UsageError, match="alpha: without effect"):
        found.picture(alpha=0.2)
