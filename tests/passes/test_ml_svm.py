"""Support vector machines as closed forms, and pipelines before them: the outputs are those of onnxruntime."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import pytest
from onnx import helper
from passes.same import ops, same

import onnxplain as ox
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


def test_what_onnxruntime_iterates_stays():
    proto = classifier("RBF", 2)
    for name in ("prob_a", "prob_b"):
        proto.graph.node[0].attribute.append(helper.make_attribute(name, [-1.5]))
    assert same(proto, ml_svm, feeds=X)[1] == 0


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


def test_a_maximum_norm_stays():
    assert same(file("Normalizer", ["y"], 4, norm="MAX"), ml, feeds=X)[1] == 0
