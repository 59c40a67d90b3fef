"""Methods that perturb, on models: rows, seeds, targets, models that no method can walk, and errors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from onnx import helper

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.engines.onnxruntime.compiled import CompiledEngine
from onnxplain.errors import NumericalError, UnsupportedModelError, UsageError
from onnxplain.graph.runtime import open_session
from onnxplain.method import perturbation
from onnxplain.method.perturbation import PerturbationSpec
from onnxplain.method.registry import METHODS
from onnxplain.perturb.row import PerturbationResult

QUICK = {
    "occlusion": {},
    "rise": {"samples": 30},
    "lime": {"samples": 30, "segments": 6},
    "kernel_shap": {"samples": 30, "segments": 9},
    "shapley_sampling": {"samples": 4, "segments": 9},
    "meaningful_perturbation": {"steps": 4, "jitter": 4},
    "extremal_perturbation": {"steps": 4, "areas": [0.1, 0.2]},
}
each_method = pytest.mark.parametrize("method", QUICK)
each_forward = pytest.mark.parametrize("method", ["occlusion", "rise", "lime", "kernel_shap", "shapley_sampling"])


def options(method, size):
    """The quick ones, with labels for pictures of noise, in which there are no superpixels."""
    labels = {"superpixels": np.arange(np.prod(size)).reshape(size) * 4 // np.prod(size)}
    return QUICK[method] | (labels if method in ("lime", "kernel_shap", "shapley_sampling") else {})


def forest(seed=0):
    """Two trees of depth 2 on four columns, by hand: a TreeEnsembleClassifier with scores and labels."""
    rng = np.random.default_rng(seed)
    trees, nodes = 2, 7
    leaf = np.tile([0, 0, 0, 1, 1, 1, 1], trees).astype(bool)
    ids = np.tile(np.arange(nodes), trees)
    leaves = np.flatnonzero(leaf)
    weights = rng.random((len(leaves), 3))
    tree = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "y"],
        name="trees",
        domain="ai.onnx.ml",
        nodes_treeids=np.repeat(np.arange(trees), nodes).tolist(),
        nodes_nodeids=ids.tolist(),
        nodes_featureids=np.where(leaf, 0, rng.integers(0, 3, len(ids))).tolist(),
        nodes_values=np.where(leaf, 0.0, 0.5).tolist(),
        nodes_modes=["LEAF" if each else "BRANCH_LEQ" for each in leaf],
        nodes_truenodeids=np.where(leaf, 0, 2 * ids + 1).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, 2 * ids + 2).tolist(),
        class_treeids=np.repeat(leaves // nodes, 3).tolist(),
        class_nodeids=np.repeat(leaves % nodes, 3).tolist(),
        class_ids=np.tile(np.arange(3), len(leaves)).tolist(),
        class_weights=weights.ravel().tolist(),
        classlabels_int64s=[0, 1, 2],
        post_transform="NONE",
    )
    graph = helper.make_graph(
        [tree],
        "forest",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])],
        [
            helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["N"]),
            helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3]),
        ],
    )
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=domains, ir_version=10)


def quantised():
    """A convolution in QDQ form, its weights too, then a Gemm in integers."""
    rng = np.random.default_rng(0)
    weights = {
        "s": np.float32(0.05),
        "zero": np.int8(0),
        "w": rng.integers(-90, 90, (4, 3, 3, 3)).astype(np.int8),
        "v": rng.integers(-90, 90, (3, 4)).astype(np.int8),
        "ws": np.float32(0.01),
    }
    nodes = [
        node("QuantizeLinear", "x s zero", "xq"),
        node("DequantizeLinear", "xq s zero", "xd"),
        node("DequantizeLinear", "w ws zero", "wd"),
        node("Conv", "xd wd", "c"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
        node("QuantizeLinear", "f s zero", "fq"),
        node("DequantizeLinear", "fq s zero", "fd"),
        node("DequantizeLinear", "v ws zero", "vd"),
        node("Gemm", "fd vd", "m", transB=1),
        node("QuantizeLinear", "m s zero", "mq"),
        node("DequantizeLinear", "mq s zero", "y"),
    ]
    return network(nodes, (2, 3, 8, 8), weights, opset=19), rng.normal(size=(2, 3, 8, 8)).astype("f")


def test_every_method_that_perturbs_is_tested_here():
    assert set(QUICK) == {name for name, method in METHODS.items() if isinstance(method, PerturbationSpec)}


# --- rows, chunks and seeds ---------------------------------------------------------------------------------------


@each_method
def test_a_row_is_explained_alone_as_in_any_batch_to_the_bit(method):
    explainer = ox.Explainer(digits(), method, **QUICK[method])
    together, shuffled = explainer(DIGITS[:3]), explainer([DIGITS[i] for i in (2, 0, 1)])
    np.testing.assert_array_equal(shuffled.attribution, together.attribution[[2, 0, 1]])
    for i in range(3):
        np.testing.assert_array_equal(explainer(DIGITS[i]).attribution[0], together.attribution[i])
    assert together.attribution.shape == together.inputs.shape
    assert together.attribution.dtype == np.float32
    assert np.isfinite(together.attribution).all() and np.abs(together.attribution).max() > 0


@pytest.mark.parametrize("method", [m for m in QUICK if "random_seed" in METHODS[m].parameters])
def test_another_seed_draws_other_numbers(method):
    a, b, again = (ox.explain(digits(), DIGITS[3], method, random_seed=s, **QUICK[method]) for s in (0, 1, 0))
    np.testing.assert_array_equal(a.attribution, again.attribution)
    assert (a.attribution != b.attribution).any()
    assert b.record["parameters"]["random_seed"] == 1


@each_forward
def test_how_many_rows_fit_changes_rounding_only(method, monkeypatch):
    a = ox.explain(digits(), DIGITS[3], method, **QUICK[method])
    monkeypatch.setattr(CompiledEngine, "busy_rows", 4)
    b = ox.explain(digits(), DIGITS[3], method, **QUICK[method])
    np.testing.assert_allclose(a.attribution, b.attribution, atol=1e-5 * np.abs(a.attribution).max())


@each_method
def test_a_file_with_a_fixed_batch(method):
    model, x = relu_cnn()
    free = ox.explain(ox.load(model), x, method, target=[0, 1, 2], **options(method, (11, 9)))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    fixed = ox.explain(ox.load(model), x, method, target=[0, 1, 2], **options(method, (11, 9)))
    np.testing.assert_allclose(fixed.attribution, free.attribution, atol=1e-3 * np.abs(free.attribution).max())


@each_method
def test_a_map_is_spread_evenly_over_channels_wherever_they_are(method):
    model, x = relu_cnn()
    e = ox.explain(ox.load(model), x[:1], method, **options(method, (11, 9)))
    for channel in range(3):
        np.testing.assert_array_equal(e.attribution[:, channel], e.attribution[:, 0])
    np.testing.assert_allclose(e.relevance, 3 * e.attribution[:, 0], rtol=1e-6)
    if method == "meaningful_perturbation":
        assert e.raw.shape == (1, 11, 9)
    if method == "extremal_perturbation":
        assert e.raw.shape == (1, 2, 11, 9)


@pytest.mark.parametrize("method", ["occlusion", "kernel_shap"])
def test_channels_last_say_what_channels_first_say(method):
    """The same weights from PyTorch and Keras."""
    torch, keras = digits(), digits("digits_cnn_keras")
    a, b = (ox.explain(model, DIGITS[4], method, **options(method, (16, 16))).relevance for model in (torch, keras))
    np.testing.assert_allclose(a, b, atol=2e-3 * np.abs(a).max())


# --- what is explained --------------------------------------------------------------------------------------------


def perceptron():
    w = np.random.default_rng(0).normal(size=(3, 5)).astype("f")
    return network([node("Gemm", "x w", "y", transB=1)], (2, 5), {"w": w}), w.astype(float)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("method", ["occlusion", "kernel_shap"])
def test_linear_models_give_weight_times_difference(method, precision):
    model, w = perceptron()
    x = np.random.default_rng(1).normal(size=(2, 5)).astype("f")
    e = ox.explain(ox.load(model, precision=precision), x, method, target=[0, 2], baseline=0.25)
    close = 1e-12 if precision == "float64" else 1e-5
    np.testing.assert_allclose(e.attribution, w[[0, 2]] * (x - 0.25), atol=close)
    np.testing.assert_allclose(e.score, e.prediction[[0, 1], [0, 2]])
    if method == "kernel_shap":
        assert np.abs(e.delta).max() < close


def test_seeds_choose_the_number():
    model, _ = perceptron()
    x = np.random.default_rng(1).normal(size=(1, 5)).astype("f")
    loaded = ox.load(model, precision="float64")
    run = lambda row: ox.explain(loaded, row, "gradient").prediction[0]  # noqa: E731
    explain = lambda **seed: ox.explain(loaded, x, "kernel_shap", target=1, **seed).attribution.sum()  # noqa: E731
    full, none = run(x), run(np.zeros_like(x))
    odds = lambda s: np.exp(s[1]) / np.exp(s).sum()  # noqa: E731
    contrast = lambda s: s[1] - (s[0] + s[2]) / 2  # noqa: E731
    np.testing.assert_allclose(explain(seed="probability"), odds(full) - odds(none), atol=1e-12)
    np.testing.assert_allclose(explain(seed="contrast"), contrast(full) - contrast(none), atol=1e-12)
    np.testing.assert_allclose(explain(seed="one"), explain(), atol=1e-12)
    given = np.array([1.0, 0.0, -2.0])
    np.testing.assert_allclose(explain(seed=given), given @ (full - none), atol=1e-12)


def test_a_neuron_inside_the_network():
    model, x = relu_cnn()
    loaded = ox.load(model, precision="float64")
    e = ox.explain(loaded, x[:1], "occlusion", ox.Neuron("c1", 2, (4, 3)), window=1, stride=1)
    reads = np.argwhere(np.abs(e.relevance[0]) > 1e-9)
    assert {tuple(each) for each in reads} <= {(i, j) for i in (3, 4, 5) for j in (2, 3, 4)}
    with pytest.raises(UsageError, match="the nearest names"):
        ox.explain(loaded, x[:1], "occlusion", ox.Neuron("c9", 0))


@pytest.mark.parametrize("seed", [None, "logit", "contrast", np.array([0.0, 2.0, 0.0, -1.0])])
def test_the_gradient_is_that_of_the_explained_number(seed, monkeypatch):
    """Central differences of what `Row.score` gives, in float64; by default the number is the probability."""
    model, x = relu_cnn()
    loaded = ox.load(model, precision="float64")
    found = []

    def spy(self, data):
        g = np.random.default_rng(0).normal(size=(1, *data.x.shape)) * 1e-5
        (after,), (before,) = data.score(data.x + g), data.score(data.x - g)
        found.append(((after - before) / 2, (data.gradient(data.x[None])[1] * g).sum()))
        return PerturbationResult(np.zeros(data.x.shape[1:]))

    monkeypatch.setattr("onnxplain.perturb.meaningful_perturbation.MeaningfulPerturbation.explain", spy)
    ox.explain(loaded, x, "meaningful_perturbation", seed=seed)
    for numeric, exact in found:
        np.testing.assert_allclose(exact, numeric, rtol=1e-4)


def test_the_softmax_seed_is_the_derivative_of_the_probability():
    model, x = relu_cnn()
    a, b = (ox.explain(ox.load(model, engine=e), x, "gradient", 2, seed="softmax") for e in ("onnxruntime", "numpy"))
    each = [ox.explain(ox.load(model), x, "gradient", i).attribution for i in range(4)]
    odds = np.exp(a.prediction) / np.exp(a.prediction).sum(1, keepdims=True)
    slope = odds[:, 2, None] * (np.eye(4)[2] - odds)
    due = sum(slope[:, i, None, None, None] * each[i] for i in range(4))
    np.testing.assert_allclose(a.attribution, due, atol=1e-5 * np.abs(due).max())
    np.testing.assert_allclose(a.attribution, b.attribution, atol=1e-5 * np.abs(due).max())


# --- models that no method can walk -------------------------------------------------------------------------------


@each_forward
@pytest.mark.parametrize("name", ["by hand", "scikit-learn"])
def test_tree_ensembles(name, method):
    source = forest() if name == "by hand" else BUNDLED / "digits_forest_sklearn.onnx"
    x = np.load(BUNDLED / "digits_samples.npy")[:2] if name == "scikit-learn" else np.eye(4, dtype="f")[:2]
    model = ox.load(source)
    e = ox.explain(model, x, method, **QUICK[method])
    assert e.attribution.shape == x.shape and np.abs(e.attribution).max() > 0
    assert e.plan is None and e.record["explained"] == model.explained_input.name
    assert e.record["engine"]["providers"] == ["CPUExecutionProvider"]


def test_a_tree_s_column_that_is_never_read_gets_nothing():
    """Columns 0 to 2 are read; Shapley values of a tree, exactly, by enumeration of its four columns."""
    x = np.ones((1, 4), "f")
    e = ox.explain(ox.load(forest()), x, "kernel_shap", target=1)
    assert abs(e.attribution[0, 3]) < 1e-6
    (at_baseline,) = open_session(forest()).run(["y"], {"x": np.zeros_like(x)})
    np.testing.assert_allclose(e.attribution.sum(), e.score[0] - at_baseline[0, 1], atol=1e-6)


@each_forward
def test_quantised_models_are_explained_in_integers(method):
    model, x = quantised()
    loaded = ox.load(model)
    e = ox.explain(loaded, x, method, **options(method, (8, 8)))
    assert e.attribution.shape == x.shape and np.abs(e.attribution).max() > 0
    (scores,) = open_session(model).run(None, {"x": x})
    np.testing.assert_array_equal(e.prediction, scores, err_msg="the very scores of the file, kernels in integers")


def test_pixels_in_uint8():
    w = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype("f")
    nodes = [node("Cast", "x", "f", to=1), node("Conv", "f w", "c"), node("GlobalAveragePool", "c", "y")]
    info = [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["N", 3, 9, 9])]
    model = ox.load(network(nodes, (1, 3, 9, 9), {"w": w}, inputs=info))
    x = np.random.default_rng(1).integers(0, 255, (1, 3, 9, 9)).astype(np.uint8)
    for method in ("occlusion", "rise", "lime", "kernel_shap"):
        e = ox.explain(model, x, method, **options(method, (9, 9)))
        assert e.attribution.shape == x.shape and e.attribution.dtype == np.float32
    with pytest.raises(UnsupportedModelError, match="holds uint8"):
        ox.explain(model, x, "meaningful_perturbation")


def test_operators_that_only_the_runtime_knows():
    """The baseline evaluator does not, and says so instead of failing in the middle."""
    nodes = [
        node("Reshape", "x square", "m"),
        node("Inverse", "m", "i", domain="com.microsoft"),
        node("Reshape", "i flat", "y"),
    ]
    sizes = {"square": np.array([-1, 2, 2]), "flat": np.array([-1, 4])}
    model = network(nodes, (1, 4), sizes)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    x = np.array([[3, 1, 2, 5]], "f")  # its inverse is (5 -1; -2 3) / 13, of which the second element is explained
    e = ox.explain(ox.load(model), x, "occlusion", target=1)
    np.testing.assert_allclose(
        e.attribution[0], [-1 / 13 - 1 / 2, -1 / 13, -1 / 13 + 1 / 15, -1 / 13 - 1 / 2], atol=1e-5
    )
    with pytest.raises(UnsupportedModelError, match=r'Inverse.*use "float32"'):
        ox.explain(ox.load(model, precision="float64"), x, "occlusion")


def test_a_label_whose_scores_are_behind_an_argmax():
    model, w = perceptron()
    model.graph.node.append(helper.make_node("ArgMax", ["y"], ["label"], axis=1, keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["N"]))
    x = np.random.default_rng(1).normal(size=(2, 5)).astype("f")
    e = ox.explain(ox.load(model), x, "occlusion", target=1)
    np.testing.assert_allclose(e.attribution, w[1] * x, atol=1e-5)


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "meaningful_perturbation", "extremal_perturbation"])
def test_what_walks_backward_says_what_works(method):
    with pytest.raises(UnsupportedModelError, match='try method="occlusion"'):
        ox.Explainer(ox.load(forest()), method)


def test_the_command_line_explains_a_forest_and_says_what_works(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4, dtype="f")[:1])
    onnx.save(forest(), tmp_path / "forest.onnx")
    run = lambda *rest: CliRunner().invoke(main, ["explain", *map(str, rest), "-o", str(tmp_path / "out")])  # noqa: E731
    refused = run(tmp_path / "forest.onnx", tmp_path / "x.npy", "-m", "lrp.epsilon")
    assert refused.exit_code == 3
    assert "TreeEnsembleRegressor (node 'trees')" in refused.stderr and "tree_shap" in refused.stderr
    done = run(tmp_path / "forest.onnx", tmp_path / "x.npy", "-m", "occlusion")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "x.occlusion.png").is_file()


def test_several_inputs_without_a_derivative_are_asked_for():
    nodes = [node("Equal", "a b", "e"), node("Cast", "e", "y", to=1)]
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["N", 3]) for name in "ab"]
    model = network(nodes, (1, 3), {}, inputs=info)
    feeds = {"a": np.array([[1, 2, 3]]), "b": np.array([[1, 0, 3]])}
    with pytest.raises(UsageError, match="'a', 'b'; name the one to explain with input="):
        ox.explain(ox.load(model), feeds, "occlusion")
    e = ox.explain(ox.load(model, input="a"), feeds, "occlusion", target=0)
    np.testing.assert_allclose(e.attribution, [[1.0, 0.0, 0.0]])


# --- errors and interruptions -------------------------------------------------------------------------------------


def test_a_score_that_is_nan_is_an_error():
    model = network([node("Log", "x", "y")], (1, 3), {})
    with pytest.raises(NumericalError, match="row 0: the score is NaN or Inf"):
        ox.explain(ox.load(model), np.ones((1, 3), "f"), "occlusion", target=0, baseline=-1.0)


def test_wrong_words():
    model, x = relu_cnn()
    loaded = ox.load(model)
    for given, words in [
        ({"method": "occlusion", "windows": 3}, "it takes: window, stride, value"),
        ({"method": "lime", "preset": "fong"}, "no preset 'fong'; known: ribeiro"),
        ({"method": "rise", "layer": "p1"}, "belongs to a method that walks"),
        ({"method": "rise", "seed": "logits"}, "unknown seed 'logits'"),
        ({"method": "occlusion", "target": 4}, "out of range"),
    ]:
        with pytest.raises(UsageError, match=words):
            ox.explain(loaded, x, **given)


def test_presets_set_parameters_that_may_be_set_again():
    lime = METHODS["lime"]
    assert lime.build(preset="ribeiro").superpixels == "quickshift"
    assert lime.build(preset="ribeiro", superpixels="slic", samples=7).superpixels == "slic"


def test_an_interruption_leaves_the_explainer_as_it_was(monkeypatch):
    explainer = ox.Explainer(digits(), "rise", **QUICK["rise"])
    before = explainer(DIGITS[0]).attribution
    with monkeypatch.context() as patch:
        patch.setattr(perturbation.RequestRow, "score", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            explainer(DIGITS[0])
    np.testing.assert_array_equal(explainer(DIGITS[0]).attribution, before)


def pooled(head, weights):
    """A picture's channels, pooled, weighed into scores "s", and a head or none."""
    kernels = np.random.default_rng(0).normal(size=(4, 1, 3, 3)).astype("f")
    nodes = [
        node("Conv", "x k", "c"),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
        node("MatMul", "f w", "s" if head else "y"),
    ]
    return ox.load(
        network(nodes + ([node(head, "s", "y")] if head else []), (1, 1, 12, 12), {"k": kernels, "w": weights})
    )


@pytest.mark.parametrize(("head", "classes"), [("Sigmoid", 1), ("Sigmoid", 2), (None, 1)])
def test_a_sigmoid_is_a_softmax_of_two_one_of_which_is_zero(head, classes):
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=(4, 1)).astype("f"), rng.normal(size=(1, 1, 12, 12)).astype("f")
    ours = pooled(head, np.concatenate([-w, w][-classes:], 1))
    theirs = pooled("Softmax", np.concatenate([0 * w, w], 1))
    a, b = (
        ox.explain(model, x, "meaningful_perturbation", target=target, steps=20)
        for model, target in ((ours, classes - 1), (theirs, 1))
    )
    assert a.raw.min() < 1
    np.testing.assert_allclose(a.raw, b.raw, atol=1e-3)


def test_a_mask_is_learnt_for_a_neuron():
    """The value itself is its number, as the logit is a class's."""
    rng = np.random.default_rng(1)
    model, x = pooled(None, rng.normal(size=(4, 3)).astype("f")), rng.normal(size=(1, 1, 12, 12)).astype("f")
    a, b = (
        ox.explain(model, x, "meaningful_perturbation", target, seed=seed, steps=20)
        for target, seed in ((ox.Neuron("y", 1), None), (1, "logit"))
    )
    np.testing.assert_allclose(a.raw, b.raw, atol=1e-6)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_scores_of_other_rows_than_the_file_states_are_refused(method):
    """Flatten from axis 2 makes twelve rows of three, and the file says that they stay three."""
    text = '<ir_version: 8, opset_import: ["" : 17]> g (float[3,4,5] x) => (float[3,4,5] y) { y = Flatten<axis=2>(x) }'
    x = np.ones((3, 4, 5), "f")
    with pytest.raises(UnsupportedModelError, match="12"):
        ox.explain(ox.load(onnx.parser.parse_model(text), engine="numpy"), x, method)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_that_draws_at_each_run_is_refused(training):
    nodes = [node("Dropout", "x r t", "d m"), node("Cast", "m", "c", to=1), node("Add", "d c", "y")]
    weights = {"r": np.array(0.5, "f"), "t": np.array(training)}
    model = ox.load(network(nodes, (1, 4), weights))
    if training:
        with pytest.raises(UnsupportedModelError, match=r"Dropout \(node 'd'\); export the model for inference"):
            ox.explain(model, np.ones((2, 4), "f"), "occlusion")
    else:
        np.testing.assert_array_equal(ox.explain(model, np.ones((2, 4), "f"), "occlusion").prediction, 2)
