"""Files of every layout: what plain onnxruntime gives comes back whole, as tensors and row by row; and is described."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.serve.describe import of_explainer, of_model
from onnxplain.serve.outputs import outputs_of
from onnxplain.tables import feeds_of

W = "w = {1, -1, 2, 0, -1, 1}"
X = np.random.default_rng(0).normal(size=(5, 3)).astype("f")
LAYOUTS = {
    "rows first": (f"float[N, 3] x) => (float[N, 2] y) <float[3, 2] {W}> {{ y = MatMul(x, w) }}", X),
    "two rows at once": (f"float[2, 3] x) => (float[2, 2] y) <float[3, 2] {W}> {{ y = MatMul(x, w) }}", X),
    "one row at once": (f"float[1, 3] x) => (float[1, 2] y) <float[3, 2] {W}> {{ y = MatMul(x, w) }}", X),
    "rows last": (f"float[3, N] x) => (float[2, N] y) <float[2, 3] {W}> {{ y = MatMul(w, x) }}", X.T),
}


def parsed(text):
    return onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> net ({text}')


def read(model, x, beside=()):
    return outputs_of(model, feeds_of(model, None).read(x), dict(beside))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_outputs_are_those_of_plain_onnxruntime_in_the_layout_of_the_file(layout):
    text, x = LAYOUTS[layout]
    model = ox.load(parsed(text))
    found = read(model, np.ascontiguousarray(x))
    expected = X @ np.array([[1, -1], [2, 0], [-1, 1]] if layout != "rows last" else [[1, 0], [-1, -1], [2, 1]], "f")
    y = found.tensors()["y"]
    assert found.rows == 5 and y == pytest.approx(expected if layout != "rows last" else expected.T, abs=1e-5)
    for row, due in zip(found.by_row(), expected, strict=True):
        assert row == pytest.approx(due, abs=1e-5)
    (described,) = of_model("m", model).inputs
    assert described.shape == ((3, -1) if layout == "rows last" else (-1, 3))
    assert described.rows == (1 if layout == "rows last" else 0)
    assert of_explainer("m", model).outputs[0].shape == (-1, 3)


def test_a_file_without_an_axis_of_rows_has_one():
    text = f"float[4, 3] x) => (float[2] y) <float[3, 2] {W}, int64[1] a = {{0}}> "
    model = ox.load(parsed(text + "{ b = MatMul(x, w)  c = Relu(b)  y = ReduceSum<keepdims = 0>(c, a) }"))
    x = np.random.default_rng(1).normal(size=(4, 3)).astype("f")
    found = read(model, x)
    due = np.maximum(x @ np.array([[1, -1], [2, 0], [-1, 1]], "f"), 0).sum(0)
    assert found.tensors()["y"] == pytest.approx(due, abs=1e-5) and found.by_row()[0] == pytest.approx(due, abs=1e-5)
    (described,) = of_model("m", model).inputs
    assert described.shape == (4, 3) and described.rows is None
    assert of_explainer("m", model).outputs[0].shape == (-1, 4, 3)


@pytest.mark.parametrize("fixed", [None, 2])
def test_an_output_without_rows_is_given_once_and_has_to_be_the_same_in_all_runs(fixed):
    weights = {"w": np.eye(3, 2, dtype="f"), "c": np.array([7, 8, 9], "f")}
    nodes = [node("MatMul", "x w", "y"), node("Identity", "c", "same"), node("ReduceMax", "x", "most", keepdims=0)]
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, [fixed or "N", 3])
    proto = network(nodes, None, weights, inputs=[shape])
    for name in ("same", "most"):
        proto.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    model = ox.load(proto, output="y")
    if fixed:
        with pytest.raises(UnsupportedModelError, match="'most' has no entry for each row"):
            read(model, X)
        return
    found = read(model, X)
    assert found.tensors()["same"].tolist() == [7, 8, 9] and found.tensors()["most"] == X.max()
    assert [row["same"].tolist() for row in found.by_row()] == [[7, 8, 9]] * 5


@pytest.mark.parametrize(
    ("kind", "dtype", "names"),
    [
        (TensorProto.FLOAT16, np.float16, ("FP16", (), "FP16")),
        (TensorProto.BFLOAT16, ml_dtypes.bfloat16, ("FP32", ("BF16",), "FP32")),
    ],
)
def test_half_precision(kind, dtype, names):
    w = np.array([[1, -1], [2, 0], [-1, 1]]).astype(dtype)
    inputs = [helper.make_tensor_value_info("x", kind, ["N", 3])]
    output = [helper.make_tensor_value_info("y", kind, ["N", 2])]
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "y")]
    graph = helper.make_graph(nodes, "half", inputs, output, [onnx.numpy_helper.from_array(w, "w")])
    model = ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    about = of_model("m", model)
    assert (about.inputs[0].datatype, about.inputs[0].also, about.outputs[0].datatype) == names
    x = np.array([[1.5, 2, 0.25]], "f")
    assert read(model, x).by_row()[0].astype("f").tolist() == [5.25, 0]


def test_a_model_known_by_its_answers_is_described_and_asked():
    model = ox.black_box(lambda x: x @ np.eye(3, 2), (None, 3), meaning="scores", classes=2)
    about = of_model("m", model)
    assert [(each.name, each.datatype, each.shape) for each in about.inputs] == [("input", "FP32", (-1, 3))]
    assert about.outputs[0].shape == (-1, 2)
    assert read(model, X).by_row()[1] == pytest.approx(X[1, :2])


def test_rows_on_which_the_file_does_not_run_are_refused_by_name():
    nodes = [node("Reshape", "x shape", "r"), node("MatMul", "r w", "y")]
    weights = {"shape": np.array([0, 3]), "w": np.eye(3, 2, dtype="f")}
    model = ox.load(network(nodes, None, weights, inputs=[helper.make_tensor_value_info("x", 1, ["N", "M"])]))
    with pytest.raises(BadInputError, match="'x'"):
        read(model, np.zeros((2, 4), "f"))


def test_the_outputs_of_an_onnxruntime_session_are_all_there():
    text = f"float[N, 3] x) => (float[N, 2] y) <float[3, 2] {W}> {{ y = MatMul(x, w) }}"
    session = onnxruntime.InferenceSession(parsed(text).SerializeToString(), providers=["CPUExecutionProvider"])
    assert read(ox.load(parsed(text)), X).tensors()["y"].tobytes() == session.run(None, {"x": X})[0].tobytes()
