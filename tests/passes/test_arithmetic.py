"""arithmetic, gemm and ml: fewer ops, the same outputs."""

import numpy as np
import onnx
import pytest
from onnx import helper
from passes.same import RNG, mentioned, model, ops, run, same

from onnxplain.passes.arithmetic import arithmetic
from onnxplain.passes.gemm import gemm
from onnxplain.passes.ml import ml

XY = "(float[N,4] x) => (float[M,K] y)"
C = RNG(3).uniform(0.5, 2, 4).astype("f")
FORMS = {
    "Sub(x, c)": ["Add"],
    "Sub(c, x)": ["Neg", "Add"],
    "Sub(x, p)": ["Exp", "Neg", "Add"],
    "Div(x, c)": ["Mul"],
    "Div(c, p)": ["Exp", "Reciprocal", "Mul"],
    "Div(one, p)": ["Exp", "Reciprocal"],
    "Div(x, p)": ["Exp", "Reciprocal", "Mul"],
    "Sum(x, p, c)": ["Exp", "Add", "Add"],
    "Mean(x, p)": ["Exp", "Add", "Mul"],
    "Max(x, p, c)": ["Exp", "Max", "Max"],
    "Min(x, p, c)": ["Exp", "Neg", "Neg", "Max", "Max", "Neg"],
    "Min(x, c)": ["Neg", "Max", "Neg"],
    "ReduceMin <keepdims = 0> (x, axes)": ["Neg", "ReduceMax", "Neg"],
    "Pow(c, x)": ["Mul", "Exp"],
    "Pow(p, x)": ["Exp", "Log", "Mul", "Exp"],
}


@pytest.mark.parametrize("form", FORMS)
def test_arithmetic(form):
    pre = "p = Exp(x) " if mentioned(form, {"p": 0}) else ""
    given = {"c": C, "one": np.float32(1), "axes": np.array([1])}
    proto = model(f"{XY} {{ {pre}y = {form} }}", **mentioned(form, given))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph, changed = same(proto, arithmetic)
    assert ops(graph) == FORMS[form]
    assert changed == 1


@pytest.mark.parametrize("form", ["Add(p, c)", "Max(p, c)", "Pow(p, c)"])
def test_what_is_simple_stays(form):
    proto = model(f"{XY} {{ p = Exp(x) y = {form} }}", c=C)
    assert same(proto, arithmetic)[1] == 0


def test_a_power_of_a_negative_constant_has_no_logarithm():
    proto = model(f"{XY} {{ y = Pow(c, x) }}", c=np.array([-2, 3, 0.5, 1], "f"))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    feeds = {"x": np.array([[2, 3, 1, 0], [3, -1, 2, 5]], "f")}
    graph, changed = same(proto, arithmetic, feeds=feeds)
    assert (ops(graph), changed) == (["Pow"], 0)


def test_integers_keep_their_rounding_division():
    proto = model("(int64[N,4] x) => (int64[N,4] y) { a = Div(x, c) y = Sub(a, c) }", c=np.array(3))
    graph, changed = same(proto, arithmetic, feeds={"x": np.arange(8).reshape(2, 4)})
    assert (ops(graph), changed) == (["Div", "Sub"], 0)


W = RNG(4).standard_normal((4, 3)).astype("f")
B = RNG(5).standard_normal(3).astype("f")
DENSE = {
    "plain": ("y = Gemm(x, w, b)", ["Gemm"]),
    "alpha and beta": ("y = Gemm <alpha = 0.5, beta = 2.0> (x, w, b)", ["Gemm"]),
    "no bias": ("y = Gemm <alpha = 0.5> (x, w)", ["Gemm"]),
    "computed weight": ("e = Exp(z) y = Gemm <alpha = 0.5> (x, e)", ["Exp", "Mul", "Gemm"]),
    "transA": ("t = Transpose <perm = [1, 0]> (x) y = Gemm <transA = 1> (t, w, b)", ["Transpose", "Transpose", "Gemm"]),
    "transB": ("y = Gemm <alpha = 2.0, transB = 1> (x, v, b)", ["Gemm"]),
    "MatMul and Add": ("m = MatMul(x, w) y = Add(m, b)", ["Gemm"]),
    "Add and MatMul": ("m = MatMul(x, w) y = Add(b, m)", ["Gemm"]),
    "a row": ("m = MatMul(x, w) y = Add(m, row)", ["Gemm"]),
    "a scalar": ("m = MatMul(x, w) y = Add(m, scalar)", ["Gemm"]),
}


@pytest.mark.parametrize("name", DENSE)
def test_gemm(name):
    text, wanted = DENSE[name]
    given = {"w": W, "b": B, "v": W.T.copy(), "row": B[None], "scalar": np.float32(0.5)}
    inputs = "float[N,4] x, float[4,3] z" if "(z)" in text else "float[N,4] x"
    graph, _ = same(model(f"({inputs}) => (float[N,3] y) {{ {text} }}", **mentioned(text, given)), gemm)
    assert ops(graph) == wanted
    attrs = graph.nodes[-1].attrs
    assert not attrs.keys() & {"alpha", "beta", "transA"}


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ("float[N,2,4]", "m = MatMul(x, w) y = Add(m, b)"),
        ("float[3,4]", "m = MatMul(x, w) y = Add(m, full)"),
        ("float[3,4]", "m = MatMul(x, w) y = Add(m, column)"),
        ("float[N,4]", "m = MatMul(x, w) n = Add(m, b) y = Mul(m, n)"),
    ],
    ids=["rank 3", "a bias per sample and class", "a bias per sample", "another user"],
)
def test_matmul_stays_where_it_is_no_gemm(x, text):
    full = RNG(6).standard_normal((3, 3)).astype("f")
    given = {"w": W, "b": B, "full": full, "column": full[:, :1]}
    proto = model(f"({x} x) => (float[N] y) {{ {text} }}", **mentioned(text, given))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph, changed = same(proto, gemm)
    assert ops(graph)[0] == "MatMul"
    assert changed == 0


def sklearn_like(nodes, outputs):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", "K"]) for name in outputs],
    )
    opsets = [helper.make_opsetid("", 24), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def ml_node(op, inputs, outputs, **attrs):
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", **attrs)


def linear_classifier(transform, rows, classes):
    return ml_node(
        "LinearClassifier", ["x"], ["label", "y"],
        coefficients=RNG(7).standard_normal(rows * 4).tolist(), intercepts=RNG(8).standard_normal(rows).tolist(),
        classlabels_ints=list(range(classes)), post_transform=transform, multi_class=0,
    )  # fmt: skip


ML = {
    "Scaler": (ml_node("Scaler", ["x"], ["y"], offset=[1.0, 2, 3, 4], scale=[0.5, 1, 2, 3]), ["Add", "Mul"]),
    "Scaler of one": (ml_node("Scaler", ["x"], ["y"], offset=[1.0], scale=[0.5]), ["Add", "Mul"]),
    "LinearRegressor": (
        ml_node("LinearRegressor", ["x"], ["y"], coefficients=W.ravel().tolist(), intercepts=B.tolist(), targets=3),
        ["Gemm"],
    ),
    "FeatureVectorizer": (ml_node("FeatureVectorizer", ["x", "x"], ["y"], inputdimensions=[4, 4]), ["Concat"]),
    "NONE": (linear_classifier("NONE", 3, 3), ["Gemm"]),
    "SOFTMAX": (linear_classifier("SOFTMAX", 3, 3), ["Gemm", "Softmax"]),
    "LOGISTIC": (linear_classifier("LOGISTIC", 3, 3), ["Gemm", "Sigmoid"]),
    "LOGISTIC, one row": (linear_classifier("LOGISTIC", 1, 2), ["Gemm", "Sigmoid"]),
}


@pytest.mark.parametrize("name", ML)
def test_ml(name):
    node, wanted = ML[name]
    graph, changed = same(sklearn_like([node], ["y"]), ml)
    assert ops(graph) == wanted
    assert changed == 1
    assert all(each.domain is None for each in graph.nodes)


def test_a_classifier_whose_label_is_wanted_stays():
    proto = sklearn_like([linear_classifier("NONE", 3, 3)], ["y"])
    proto.graph.output.insert(0, helper.make_tensor_value_info("label", onnx.TensorProto.INT64, ["N"]))
    assert run(proto, {"x": np.ones((2, 4), "f")})[0].dtype == np.int64
    assert same(proto, ml)[1] == 0
