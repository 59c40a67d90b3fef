"""Models that are known by their answers alone: the numbers of each method that perturbs, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import onnxruntime
import pytest
from nets import BUNDLED

import onnxplain as ox
from onnxplain.errors import BadInputError, PredictorError, UnsupportedModelError, UsageError
from onnxplain.guard.engine import GuardedEngine

METHODS = {
    "occlusion": {},
    "rise": {"samples": 40},
    "lime": {"samples": 40},
    "kernel_shap": {"samples": 60},
    "shapley_sampling": {"samples": 4},
}
each_method = pytest.mark.parametrize("method", METHODS)
DIGIT = np.random.default_rng(0).random((2, 1, 16, 16), np.float32)
COLUMNS = np.random.default_rng(1).normal(size=(3, 5)).astype("f")
WEIGHTS = np.random.default_rng(2).normal(size=(5, 3)).astype("f")


def linear(x):
    """Scores of three classes."""
    return x @ WEIGHTS


def softmax(x):
    odds = np.exp(linear(x))
    return odds / odds.sum(1, keepdims=True)


def box(function=linear, shape=(None, 5), **options):
    return ox.black_box(function, shape, **{"meaning": "scores"} | options)


def session(name):
    """What onnxruntime itself makes of rows, by the first output that holds scores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(BUNDLED / f"{name}.onnx", options)
    (given,), wanted = run.get_inputs(), run.get_outputs()[-1].name

    def scores(x):
        found = run.run([wanted], {given.name: x})[0]
        return [list(each.values()) for each in found] if isinstance(found, list) else found

    return scores


@each_method
def test_the_engine_of_a_file_behind_a_function_gives_the_bits_of_the_file(method):
    file = ox.load(BUNDLED / "digits_cnn_torch.onnx")
    engine = GuardedEngine(file)
    name, scores = file.explained_input.name, file.canonical.scores
    model = box(lambda x: engine.values({name: x}, {scores})[scores], (None, 1, 16, 16), rows=engine.busy_rows)
    want, found = (ox.Explainer(each, method, **METHODS[method])(DIGIT) for each in (file, model))
    assert np.array_equal(want.attribution, found.attribution)
    assert np.array_equal(want.prediction, found.prediction)


@each_method
@pytest.mark.parametrize("name", ["digits_cnn_torch", "digits_forest_sklearn"])
def test_the_untouched_file_behind_a_function_is_explained_as_the_file_is(name, method):
    file = ox.load(BUNDLED / f"{name}.onnx")
    x = DIGIT if name == "digits_cnn_torch" else np.load(BUNDLED / "digits_samples.npy")[:2]
    meaning = "scores" if name == "digits_cnn_torch" else "probabilities"
    model = box(session(name), file.input_shape, meaning=meaning)
    want, found = (ox.Explainer(each, method, **METHODS[method])(x) for each in (file, model))
    assert np.abs(want.attribution - found.attribution).max() < 1e-6 * np.abs(want.prediction).max()


@pytest.mark.slow
@each_method
@pytest.mark.parametrize("name", ["digits_cnn_keras", "digits_mlp_sklearn", "digits_linear_sklearn"])
def test_probabilities_that_are_answered_are_explained_as_those_of_the_file(name, method):
    file = ox.load(BUNDLED / f"{name}.onnx")
    x = DIGIT.reshape(2, 16, 16, 1) if "cnn" in name else np.load(BUNDLED / "digits_samples.npy")[:2]
    model = box(session(name), file.input_shape, meaning="probabilities")
    want = ox.Explainer(file, method, **METHODS[method])(x, seed="probability")
    found = ox.Explainer(model, method, **METHODS[method])(x)
    assert np.abs(want.attribution - found.attribution).max() < 1e-6
    np.testing.assert_allclose(found.probability, want.probability, atol=1e-6)


@pytest.mark.slow  # to import shap takes seconds
def test_shapley_values_of_a_classifier_of_scikit_learn_are_those_of_shap():
    shap = pytest.importorskip("shap", reason="shap is not installed")
    ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 6))
    forest = ensemble.RandomForestClassifier(5, random_state=0).fit(rows, (rows[:, 0] > rows[:, 1]) + 1)
    model = box(forest.predict_proba, (None, 6), dtype="float64", meaning="probabilities")
    e = ox.explain(model, rows[:3], "kernel_shap", target=1, baseline=rows[40:50])
    want = shap.KernelExplainer(forest.predict_proba, rows[40:50]).shap_values(rows[:3], silent=True)
    np.testing.assert_allclose(e.attribution, np.asarray(want)[..., 1], atol=1e-9)
    assert np.abs(e.delta).max() < 1e-9
    assert e.probability.tolist() == e.score.tolist() == forest.predict_proba(rows[:3])[:, 1].tolist()


def test_the_record_says_what_is_known_and_what_is_not():
    e = ox.explain(box(softmax, meaning="probabilities", name="wines"), COLUMNS, "lime", samples=20)
    known = e.record["model"]
    assert (known["path"], known["sha256"], known["file_sha256"]) == (None, None, None)
    twice = {"rows": 1, "difference": 0.0, "scores": float(np.abs(softmax(COLUMNS[:1])).max())}
    assert known["predictor"] == {"name": "wines", "meaning": "probabilities", "repeated": twice}
    assert e.record["engine"]["name"] == "predictor" and e.record["parity"] is None and e.parity is None
    assert "known by its answers alone" in e.meaning[0] and "probabilities" in e.meaning[1]
    assert e[1].record["model"] == known


def test_scores_are_no_probabilities_although_they_sum_to_1():
    assert ox.explain(box(softmax), COLUMNS, "occlusion").probability is None
    found = ox.explain(box(softmax, meaning="probabilities"), COLUMNS, "occlusion").probability
    np.testing.assert_allclose(found, softmax(COLUMNS).max(1))
    assert box(softmax).predict(COLUMNS).probabilities is None


def test_a_single_probability_decides_for_its_class_or_against_it():
    model = box(lambda x: softmax(x)[:, 1], meaning="probabilities", labels=["dog", "cat"], classes=1)
    e, p = ox.explain(model, COLUMNS, "occlusion"), softmax(COLUMNS)[:, 1]
    assert e.labels == tuple("cat" if each >= 0.5 else "dog" for each in p)
    np.testing.assert_allclose(e.probability, np.maximum(p, 1 - p), rtol=1e-6)


def test_a_table_and_a_picture_have_a_method_where_none_is_asked_for():
    assert ox.Explainer(box()).spec.name == "kernel_shap"
    picture = ox.Explainer(box(lambda x: x.mean((2, 3)), (None, 3, 8, 8)))
    assert picture.spec.name == "occlusion" and picture.because == "the model is known by its answers alone"


def test_every_other_method_is_refused_by_name():
    model = box()
    refused = {method: refusal(model, method) for method in ox.methods() if method not in METHODS}
    assert all(f"method {name!r} needs the file" in said for name, said in refused.items())
    assert all(f"are: {', '.join(METHODS)}" in said for said in refused.values())
    assert [ox.Explainer(model, method).spec.name for method in METHODS] == list(METHODS)


def refusal(model, method):
    with pytest.raises(UnsupportedModelError) as problem:
        ox.Explainer(model, method)
    return str(problem.value)


def test_what_needs_a_file_is_refused_by_name(tmp_path):
    model = box(name="wines")
    e = ox.explain(model, COLUMNS, "occlusion")
    np.save(tmp_path / "rows.npy", COLUMNS)
    with pytest.raises(UnsupportedModelError, match="export needs the file"):
        ox.export(model, "gradient", tmp_path / "x.onnx")
    with pytest.raises(UnsupportedModelError, match="a run needs the file"):
        ox.run(model, tmp_path / "rows.npy", tmp_path / "run", "occlusion")
    with pytest.raises(UnsupportedModelError, match="visualise needs the file"):
        ox.visualise(model, 0)
    with pytest.raises(UnsupportedModelError, match="'model_randomisation' needs the file"):
        ox.evaluate(model, COLUMNS, ["lime"], ["model_randomisation"])
    with pytest.raises(BadInputError, match="'wines' is known by its answers alone, and its record cannot be replayed"):
        ox.replay(e, model)
    for name in ("sha256", "proto", "file"):
        with pytest.raises(UnsupportedModelError, match="'wines' is known by its answers alone, and has no "):
            getattr(model, name)
    assert not (tmp_path / "run").exists()


def test_it_is_compared_judged_predicted_and_pickled():
    model = box(softmax, meaning="probabilities", labels=["a", "b", "c"])
    found = ox.compare(model, COLUMNS, ["occlusion", "gradient"])
    assert "needs the file" in found.rows[0]["gradient"]
    judged = ox.evaluate(model, COLUMNS, ["kernel_shap"], ["pixel_flipping", "insertion_deletion"])
    assert np.isfinite(judged.of("aopc")["kernel_shap"]).all()
    np.testing.assert_allclose(model.predict(COLUMNS).probabilities, softmax(COLUMNS))
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    wanted, made = (ox.explain(each, COLUMNS, "occlusion").attribution for each in (model, again))
    assert np.array_equal(wanted, made)
    assert "predictor   softmax" in repr(model) and repr(ox.Explainer(model)).startswith("Explainer(model='softmax'")


def test_a_probability_of_probabilities_is_refused():
    with pytest.raises(UsageError, match="are probabilities already"):
        ox.explain(box(softmax, meaning="probabilities"), COLUMNS, "occlusion", seed="probability")
    odds = ox.explain(box(), COLUMNS, "occlusion", seed="probability")
    want = ox.explain(box(softmax, meaning="probabilities"), COLUMNS, "occlusion")
    np.testing.assert_allclose(odds.attribution, want.attribution, atol=1e-6)


def test_pictures_labels_and_names_of_columns_are_those_of_any_model():
    model = box(lambda x: x.mean((2, 3)), (None, 1, 16, 16), preprocess={"size": 16, "colour": "grey"})
    e = ox.explain(model, BUNDLED / "images" / "digit_3_918.png", "occlusion")
    assert e.images is not None and e.record["input"]["preprocess"]["size"] == [16, 16]
    named = ox.explain(box(features=list("vwxyz")), COLUMNS, "occlusion")
    assert named.features == tuple("vwxyz")
    with pytest.raises(UsageError, match="labels: 4 names for 3 classes"):
        box(labels=list("abcd"), classes=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"function": 3}, "function=3: expected a function"),
        ({"meaning": "logits"}, "meaning='logits': expected 'scores' or 'probabilities'"),
        ({"shape": (5,)}, "expected the rows and the axes of a row"),
        ({"shape": (None, 0)}, "expected lengths of 1 or more"),
        ({"dtype": "object"}, "dtype='object': expected one of float32"),
        ({"rows": 0}, "rows=0"),
        ({"classes": 0}, "classes=0"),
        ({"tolerance": -1}, "tolerance=-1"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_said(options, said):
    with pytest.raises(UsageError, match=said):
        box(**options)


def test_a_predictor_of_a_fixed_number_of_rows_gets_that_many():
    seen = []

    def four(x):
        seen.append(len(x))
        return linear(x)

    want, found = (ox.explain(box(f, (n, 5)), COLUMNS, "occlusion") for f, n in ((linear, None), (four, 4)))
    np.testing.assert_allclose(found.attribution, want.attribution, rtol=1e-6)
    assert set(seen) == {4}


def test_a_model_that_is_exchanged_meanwhile_is_found():
    versions = iter([*[1.0] * 20, *[2.0] * 1000])
    rolled_out = box(lambda x: linear(x) * next(versions), rows=1)
    with pytest.raises(PredictorError, match="answers the same row otherwise when the explanation is done"):
        ox.explain(rolled_out, COLUMNS[:1], "rise", samples=40)


def test_a_failure_is_said_with_what_was_asked():
    def broken(x):
        raise ValueError("no such column")

    with pytest.raises(
        PredictorError, match=r"'broken' failed on 1 rows, float32 \[1, 5\]: ValueError: no such column"
    ):
        ox.explain(box(broken), COLUMNS, "occlusion")


def test_without_a_shape_the_first_rows_that_are_answered_tell():
    model = box(shape=None)
    assert not model.settled
    with pytest.raises(PredictorError, match="failed on 1 rows"):  # a row of 4 columns
        ox.explain(model, COLUMNS[:, :4], "occlusion")
    with pytest.raises(BadInputError, match="is learnt from the first rows"):
        ox.explain(model, COLUMNS[0], "occlusion")
    found = ox.explain(model, COLUMNS, "occlusion")
    assert model.settled and np.array_equal(found.attribution, ox.explain(box(), COLUMNS, "occlusion").attribution)
    assert ox.Explainer(model).spec.name == "kernel_shap"
    pictures = box(lambda x: x.mean((2, 3)), None)
    assert ox.explain(pictures, DIGIT.tolist(), "rise", samples=10).attribution.shape == (2, 1, 16, 16)
    assert ox.Explainer(pictures).spec.name == "occlusion"
    with pytest.raises(BadInputError, match="the model takes"):
        ox.explain(pictures, COLUMNS, "occlusion")
    with pytest.raises(UsageError, match="preprocess= needs shape="):
        box(shape=None, preprocess="imagenet")
