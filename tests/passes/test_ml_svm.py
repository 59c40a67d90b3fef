"""Support vector machines as closed forms, and pipelines before them: the outputs are those of onnxruntime."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import onnx
import pytest
from onnx import helper
from passes.same import ops, run, same

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.passes.ml import ml
from onnxplain.passes.ml_svm import ml_svm

RNG = np.random.default_rng(0)
X = {"x": RNG.normal(size=(5, 4)).astype("f")}
KERNELS = {"LINEAR": [0.0, 0, 0], "POLY": [0.5, 1.0, 3], "SIGMOID": [0.3, 0.2, 0], "RBF": [0.7, 0, 0]}


def file(op, outputs, width=None, **attrs):
    given = {name: value for name, value in attrs.items() if not isinstance(value, list) or value}
    node = helper.make_node(op, ["x"], outputs, name="machine", domain="ai.onnx.ml", **given)
    value = helper.make_tensor_value_info
    ends = [[value("x", onnx.TensorProto.FLOAT, ["N", 4])], [value("y", onnx.TensorProto.FLOAT, ["N", width])]]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(helper.make_graph([node], "svm", *ends), opset_imports=opsets, ir_version=10)


def regressor(kernel):
    vectors = RNG.normal(size=(6, 4)).ravel().tolist() if kernel else []
    return file(
        "SVMRegressor", ["y"], 1, kernel_type=kernel or "LINEAR", kernel_params=KERNELS[kernel or "LINEAR"],
        support_vectors=vectors, n_supports=6 if kernel else 0, rho=[0.3],
        coefficients=RNG.normal(size=6 if kernel else 4).tolist(),
    )  # fmt: skip


def classifier(kernel, classes, transform="NONE"):
    own = [2, 3, 4][:classes]
    vectors = RNG.normal(size=(sum(own), 4)).ravel().tolist() if kernel else []
    count = (classes - 1) * sum(own) if kernel else classes * 4
    return file(
        "SVMClassifier", ["label", "y"], classes, kernel_type=kernel or "LINEAR",
        kernel_params=KERNELS[kernel or "LINEAR"], support_vectors=vectors, vectors_per_class=own if kernel else [],
        coefficients=RNG.normal(size=count).tolist(), rho=RNG.normal(size=3 if classes == 3 else 1).tolist(),
        classlabels_ints=list(range(classes)), post_transform=transform,
    )  # fmt: skip


MACHINES = {
    **{f"regressor {kernel}": regressor(kernel) for kernel in (*KERNELS, None)},
    **{f"classifier {kernel} {n}": classifier(kernel, n) for kernel, n in product((*KERNELS, None), (2, 3))},
    "classifier RBF 2 SOFTMAX": classifier("RBF", 2, "SOFTMAX"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_its_closed_form(name):
    graph, changed = same(MACHINES[name], ml_svm, feeds=X, rtol=3e-6)
    assert changed == 1 and not {"SVMRegressor", "SVMClassifier"} & set(ops(graph))


@pytest.mark.parametrize("name", ["regressor RBF", "classifier POLY 3", "classifier SIGMOID 2", "classifier RBF 2"])
def test_its_gradient_is_that_of_finite_differences(name):
    model, x = ox.load(MACHINES[name], precision="float64"), X["x"][:1].astype(np.float64)
    e = ox.explain(model, x, "gradient", target=0)
    step, found = 1e-3, np.zeros(4)
    for i, sign in product(range(4), (1, -1)):
        moved = x + sign * step * np.eye(4)[i]
        found[i] += sign * ox.explain(model, moved, "gradient", target=0).score[0] / (2 * step)
    np.testing.assert_allclose(e.attribution[0], found, rtol=0, atol=1e-4 * np.abs(found).max())
    complete = ox.explain(ox.load(MACHINES[name]), X["x"], "deeplift", target=0)
    assert np.abs(complete.delta).max() < 1e-5 * np.abs(complete.attribution).sum(1).max()


def scaled(kernel, classes):
    proto = classifier(kernel, classes)
    given = {"prob_a": [-1.5, -0.7, -2.0], "prob_b": [0.3, -0.2, 0.1]}
    for name, values in given.items():
        count = classes * (classes - 1) // 2
        proto.graph.node[0].attribute.append(helper.make_attribute(name, values[:count]))
    return proto


def test_coupled_probabilities_of_more_classes_stay():
    proto = scaled("RBF", 3)
    assert same(proto, ml_svm, feeds=X)[1] == 0
    with pytest.raises(UnsupportedModelError, match=r"SVMClassifier \(node 'machine'\)"):
        ox.explain(ox.load(proto), X["x"], "gradient")
    assert ox.explain(ox.load(proto), X["x"][:1]).method == "kernel_shap"


@pytest.mark.parametrize("kernel", KERNELS)
def test_probabilities_of_two_classes_are_a_sigmoid_of_what_is_explained(kernel):
    """The file's own are those of an iteration, which stops within 0.0025 of the sigmoid."""
    proto = scaled(kernel, 2)
    graph, changed = same(proto, ml_svm, feeds=X, rtol=1e-6)
    assert changed == 1 and ops(graph)[-2:] == ["Gemm", "SVMClassifier"] and ml_svm(graph) == 0
    e = ox.explain(ox.load(proto), X["x"], "deeplift", target=1)
    probability = run(proto, X)[0][:, 1]
    del proto.graph.node[0].attribute[-2:]  # prob_a and prob_b
    np.testing.assert_allclose(1 / (1 + np.exp(-e.score)), probability, rtol=0, atol=2.5e-3)
    np.testing.assert_allclose(e.score, -1.5 * run(proto, X)[0][:, 1] + 0.3, rtol=0, atol=2e-6 * np.abs(e.score).max())
    np.testing.assert_array_equal(e.prediction[:, 0], -e.prediction[:, 1])
    assert np.abs(e.delta).max() < 1e-5 * np.abs(e.attribution).sum(1).max()


def test_platts_scaling_of_scikit_learn_has_its_slopes():
    """The slopes of the logit that scikit-learn fitted, by differences of its own decision function."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("f")
    with warnings.catch_warnings(action="ignore"):  # the option is deprecated
        own = SVC(probability=True, random_state=0).fit(x.astype(float), x[:, 0] * x[:, 1] + x[:, 2] > 0)
        a, b = own.probA_[0], own.probB_[0]
        model = ox.load(skl2onnx.to_onnx(own, x[:1], options={"zipmap": False}))
    e = ox.explain(model, x[:5], "gradient", target=1)
    near = [own.decision_function(x[:5] + s * d) for d in 1e-4 * np.eye(4) for s in (1.0, -1)]
    wanted = -a * (np.stack(near[::2], 1) - np.stack(near[1::2], 1)) / 2e-4
    np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=3e-6 * np.abs(wanted).max())
    np.testing.assert_allclose(e.score, b - a * own.decision_function(x[:5]), rtol=0, atol=1e-4)
    assert ox.explain(model, x[:1]).method == "lrp.epsilon_plus_flat"


PIPELINES = {
    "L1": (file("Normalizer", ["y"], 4, norm="L1"), "LpNormalization"),
    "L2": (file("Normalizer", ["y"], 4, norm="L2"), "LpNormalization"),
    "imputed": (file("Imputer", ["y"], 4, imputed_value_floats=[1.0, 2, 3, 4], replaced_value_float=np.nan), "Where"),
    "imputed by one": (file("Imputer", ["y"], 4, imputed_value_floats=[9.0], replaced_value_float=2.0), "Where"),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines(name):
    proto, op = PIPELINES[name]
    x = X["x"].copy()
    if op == "Where":
        x[[0, 2], [1, 3]], x[1, 1] = np.nan, 2.0
    elif name == "L2":
        x[3] = 0
    graph, changed = (
        same(proto, ml, feeds={"x": x}, rtol=1e-6)
        if op != "Where" or name == "imputed"
        else same(proto, ml, feeds={"x": np.nan_to_num(x, nan=2.0)})
    )
    assert changed == 1 and ops(graph)[-1] == op


def test_a_maximum_norm_is_a_quotient():
    """onnxruntime takes the largest value, not the largest magnitude, and leaves a row as it is where that is 0."""
    x = np.array([[1, -4, 2, 0.5], [-1, -4, -2, -0.5], [0, 0, -1, 0], [0, 0, 0, 0]], "f")
    proto = file("Normalizer", ["y"], 4, norm="MAX")
    graph, changed = same(proto, ml, feeds={"x": x})
    assert changed == 1 and ops(graph)[-1] == "Div"
    proto.graph.node[0].output[0] = "n"  # at the end of a file it would be a format of the scores, and cut off
    proto.graph.node.append(helper.make_node("Softsign", ["n"], ["y"]))
    e = ox.explain(ox.load(proto), x[:3], "gradient", target=1)
    slope = 1 / (1 + np.abs([[-2.0], [8], [0]])) ** 2
    np.testing.assert_allclose(e.attribution / slope, [[0, 0.5, 1, 0], [0, -2, 0, 16], [0, 1, 0, 0]], rtol=1e-6)
