"""tree_shap on files of five libraries, against all coalitions by plain onnxruntime on the untouched file."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from nets import ROOT, SHARED, needs_shared, packed
from onnx import helper, numpy_helper
from trees.made import Tree, brute, regressor

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError, UsageError

DATA = ROOT / "tests" / "trees" / "data"
FILES = sorted(path.name.removesuffix(".onnx.xz") for path in DATA.glob("*.onnx.xz"))
WINES = np.load(DATA / "wines.npy")


def deployed(model):
    """What a file, a path or bytes, says of rows, as plain onnxruntime runs it: probabilities [N, C] in float64."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]

    def run(x):
        found = session.run([names[-1]], {session.get_inputs()[0].name: x})[0]
        if isinstance(found, list):  # of a ZipMap
            found = [list(each.values()) for each in found]
        return np.asarray(found, np.float64)

    return run


def raw(name, run, target):
    """The score of a class against the others, from the probabilities alone: those of a forest are its scores."""

    def of(x):
        p = run(x)
        if "forest" not in name and "bagging" not in name:
            p = np.log(p) if p.shape[1] > 2 else np.stack([-(s := np.log(p[:, 1] / p[:, 0])), s], 1)
        others = np.delete(p, target, 1)
        return p[:, [target]] - others.mean(1, keepdims=True)

    return of


@pytest.mark.parametrize("name", FILES)
def test_shapley_values_are_those_of_all_coalitions(name):
    x, background = WINES[[1, 7]], WINES[[3, 14]]
    e = ox.explain(
        ox.load(packed(DATA / f"{name}.onnx")), x, "tree_shap", target=1, seed="contrast", baseline=background
    )
    function = raw(name, deployed(packed(DATA / f"{name}.onnx")), 1)
    wanted = np.stack([brute(function, each, background)[:, 0] for each in x])
    np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=1e-6 * max(1, np.abs(wanted).max()))
    assert np.abs(e.delta).max() < 1e-6 * np.abs(wanted).max() and np.abs(wanted).max() > 0.01


def test_there_are_files_of_five_libraries():
    assert {name.split("_")[0] for name in FILES} == {"sklearn", "xgboost", "lightgbm", "catboost"}
    assert {"sklearn_forest_3", "sklearn_boosting_3"} <= set(FILES)


@pytest.mark.parametrize("options", [{"engine": "numpy"}, {"precision": "float64"}, {"parity": "never"}], ids=str)
def test_every_engine_says_the_same(options):
    file = packed(DATA / "xgboost_3.onnx")
    wanted = ox.explain(ox.load(file), WINES, "tree_shap", baseline=WINES.mean(0)).attribution
    found = ox.explain(ox.load(file, **options), WINES, "tree_shap", baseline=WINES.mean(0)).attribution
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_a_row_is_explained_alone_as_in_any_batch_and_every_target_as_asked():
    explainer = ox.Explainer(ox.load(packed(DATA / "lightgbm_3.onnx")), "tree_shap", baseline=WINES)
    together = explainer(WINES[:3], [0, 1, 2])
    for i in range(3):
        alone = explainer(WINES[i : i + 1], i)
        np.testing.assert_allclose(alone.attribution[0], together.attribution[i], rtol=0, atol=1e-7)
        assert together.target[i] == i
    mixed = explainer(WINES[:3], seed=np.array([1.0, 2.0, 0.5])).attribution
    each = [explainer(WINES[:3], k).attribution for k in range(3)]
    np.testing.assert_allclose(mixed, each[0] + 2 * each[1] + 0.5 * each[2], rtol=0, atol=1e-6)


def test_the_score_of_a_boosted_ensemble_is_the_one_before_the_softmax():
    e = ox.explain(ox.load(packed(DATA / "catboost_3.onnx")), WINES[:1], "tree_shap")
    assert e.score[0] > 1 or e.prediction.min() < 0
    assert any("Softmax" in each for each in e.record["cut"]) and e.plan is None
    assert "100 % of the difference from the baseline arrived" in e.conservation.line(0)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seed": "probability"}, UsageError, "seed='probability' is no weighted sum of scores.*seed=\"logit\""),
        ({"target": ox.Neuron("x", 0)}, UsageError, "a Neuron is no weighted sum"),
        ({"layer": "x"}, UsageError, "layer= belongs to a method that walks"),
        ({"samples": 3}, UsageError, "tree_shap.*no parameter 'samples'"),
    ],
)
def test_what_it_does_not_take_is_refused(options, error, said):
    model = ox.load(packed(DATA / "xgboost_3.onnx"))
    with pytest.raises(error, match=said):
        ox.explain(model, WINES[:1], "tree_shap", **options)


def network(*before, behind=(), weights=None):
    """A file of a random ensemble between nodes: those before it compute "t" from "x", those behind it "y" from "s"."""
    rng = np.random.default_rng(0)
    proto = regressor([Tree(rng, 4, 2, 3, ["BRANCH_LEQ", "BRANCH_LT"]) for _ in range(3)], 4, 2)
    trees = proto.graph.node[0]
    trees.input[0], trees.output[0] = "t" if before else "x", "s" if behind else "y"
    nodes = [*before, trees, *behind]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    given = (weights or {}).items()
    proto.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in given)
    return proto


def ml(op, inputs, output, **attrs):
    return helper.make_node(op, inputs.split(), [output], name=output, domain="ai.onnx.ml", **attrs)


def node(op, inputs, output, **attrs):
    return helper.make_node(op, inputs.split(), [output], name=output, **attrs)


def whole(proto):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda x: np.asarray(session.run(["y"], {"x": x})[0], np.float64)


ROWS = np.random.default_rng(1).choice(np.array([-1, -0.5, 0, 0.1, 0.4, 1, 2], "f"), (8, 4))
PIPELINES = {
    "scaled": network(ml("Scaler", "x", "t", offset=[0.1, 0, 0, 1], scale=[2.0, 1, 0.5, 1])),
    "imputed": network(ml("Imputer", "x", "t", imputed_value_floats=[0.5], replaced_value_float=-1.0)),
    "in another order": network(
        node("Gather", "x order", "t", axis=1), weights={"order": np.array([3, 1, 0, 2])}
    ),
    "made of two columns": network(
        node("Gather", "x order", "t", axis=1), weights={"order": np.array([3, 3, 0, 0])}
    ),
    "chosen": network(ml("ArrayFeatureExtractor", "x order", "t"), weights={"order": np.array([2, 2, 1, 0])}),
    "binarised": network(ml("Binarizer", "x", "t", threshold=0.2)),
    "a sum of both scores": network(behind=[node("MatMul", "s w", "y")], weights={"w": np.array([[1.0], [-2]], "f")}),
    "halved and shifted": network(
        behind=[node("Mul", "s half", "r"), node("Add", "r one", "y")],
        weights={"half": np.array([0.5, 2], "f"), "one": np.array([1, 3], "f")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_what_lies_before_and_behind_the_trees_belongs_to_the_columns(name):
    proto = PIPELINES[name]
    e = ox.explain(ox.load(proto), ROWS[:3], "tree_shap", target=0, baseline=ROWS[3:])
    wanted = [brute(whole(proto), each, ROWS[3:])[:, 0] for each in ROWS[:3]]
    np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=1e-6)
    assert np.abs(wanted).max() > 0.01


def test_the_columns_of_a_one_hot_encoding_are_one_column():
    """Column 0 becomes three columns, which trees read: to hide it hides all three."""
    encoded = ml("OneHotEncoder", "c", "h", cats_int64s=[-1, 0, 2], zeros=1)
    flat = node("Reshape", "h three", "f")
    proto = network(
        node("Gather", "x first", "c", axis=1), encoded, flat, node("Gather", "x third", "d", axis=1),
        node("Concat", "f d", "t", axis=1),
        weights={"first": np.array([0]), "third": np.array([2]), "three": np.array([-1, 3])},
    )  # fmt: skip
    e = ox.explain(ox.load(proto), ROWS[:3], "tree_shap", target=1, baseline=ROWS[3:])
    wanted = [brute(whole(proto), each, ROWS[3:])[:, 1] for each in ROWS[:3]]
    np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=1e-6)
    assert (e.attribution[:, [1, 3]] == 0).all() and np.abs(e.attribution[:, 0]).max() > 0.01


REFUSED = {
    "LpNormalization 't' brings several together": network(ml("Normalizer", "x", "t", norm="L2")),
    "Sigmoid 'r' makes something else of them": network(behind=[node("Sigmoid", "s", "r"), node("Neg", "r", "y")]),
    "Mul 'y' makes something else of them": network(behind=[node("Mul", "s s", "y")]),
    "Add 'y' makes something else of them": network(
        behind=[node("Gather", "x two", "z", axis=1), node("Add", "s z", "y")], weights={"two": np.array([0, 1])}
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_no_sum_of_trees_over_columns_is_refused_by_name(said):
    model = ox.load(REFUSED[said])
    with pytest.raises(UnsupportedModelError, match=f'{said}.*method="kernel_shap"'):
        ox.explain(model, ROWS, "tree_shap")
    ox.explain(model, ROWS[:1], "kernel_shap", target=0)


def test_a_model_without_trees_is_refused():
    with pytest.raises(UnsupportedModelError, match=r"the model has none.*kernel_shap"):
        ox.Explainer(ox.load(ROOT / "models" / "wine_mlp_torch.onnx"), "tree_shap")


@needs_shared
@pytest.mark.peer
def test_the_real_forest():
    """scikit-learn's irises, by an exporter of another language: the first is a setosa for its petals."""
    model = ox.load(SHARED / "real" / "sklearn_randomforest_go.onnx")
    x = np.array([[5.1, 3.5, 1.4, 0.2]], "f")
    background = np.array([[7.0, 3.2, 4.7, 1.4], [6.3, 3.3, 6.0, 2.5], [5.8, 2.7, 5.1, 1.9]], "f")
    e = ox.explain(model, x, "tree_shap", baseline=background)
    assert e.target[0] == 0 and e.attribution[0, 2:].sum() > 0.8
    function = deployed(str(SHARED / "real" / "sklearn_randomforest_go.onnx"))
    np.testing.assert_allclose(e.attribution[0], brute(function, x[0], background)[:, 0], rtol=0, atol=1e-6)
