"""What onnxruntime refuses becomes an error that names the input, and nothing of its log reaches stderr."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from cli.test_cli import run
from nets import network, node, relu_cnn
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import BadInputError, RuntimeRefusalError, UnsupportedModelError
from onnxplain.graph.runtime import said

METHODS = ("gradient", "deeplift", "integrated_gradients", "occlusion", "grad_cam")
RNG = np.random.default_rng(0)


def tokens():
    """An embedding of ten tokens, weighed by a second input, their mean and a linear layer."""
    inputs = [
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 6]),
        helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["N", 6, 1]),
    ]
    nodes = [
        node("Gather", "E ids", "e"),
        node("Mul", "e shares", "s"),
        node("ReduceMean", "s places", "m", keepdims=0),
        node("MatMul", "m w", "y"),
    ]
    weights = {"E": RNG.normal(size=(10, 4)).astype("f"), "w": RNG.normal(size=(4, 3)).astype("f")}
    return network(nodes, (), weights | {"places": np.array([1])}, inputs=inputs, opset=18)


def pictures():
    """Two convolutions that need at least seven pixels, on pictures of any size."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])
    nodes = [
        node("Conv", "x k", "c", strides=[2, 2]),
        node("Relu", "c", "r"),
        node("Conv", "r k2", "d"),
        node("GlobalAveragePool", "d", "p"),
        node("Flatten", "p", "y"),
    ]
    draw = lambda *shape: RNG.normal(size=shape).astype("f")  # noqa: E731
    return network(nodes, (), {"k": draw(4, 3, 3, 3), "k2": draw(3, 4, 3, 3)}, inputs=[x])


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_a_token_out_of_the_vocabulary_is_named(engine, method, capfd):
    x = {"ids": np.array([[1, 2, 3, 4, 5, 17]]), "shares": np.ones((1, 6, 1), "f")}
    with pytest.raises(
        BadInputError, match=r"input 'ids' \(int64 \[1, 6\], 1 to 17\).* Gather 'e': .*idx=17"
    ) as raised:
        ox.explain(ox.load(tokens(), engine=engine, input="ids"), x, method)
    assert "shares" not in str(raised.value) and "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_that_is_too_small_is_named(method, capfd):
    x = RNG.normal(size=(1, 3, 4, 40)).astype("f")
    with pytest.raises(BadInputError, match=r"input 'x' \(float32 \[1, 3, 4, 40\]\): .*Conv 'd'"):
        ox.explain(ox.load(pictures()), x, method)
    assert capfd.readouterr().err == ""


def test_the_command_line_prints_one_line(tmp_path):
    onnx.save(pictures(), tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", RNG.normal(size=(1, 3, 4, 40)).astype("f"))
    for method in ("gradient", "occlusion"):
        done = run("explain", tmp_path / "net.onnx", tmp_path / "x.npy", "-m", method, "-o", tmp_path / "out")
        assert done.exit_code == 4
        assert done.stderr.startswith("onnxplain: the model does not run on its input 'x' (float32 [1, 3, 4, 40])")
        assert done.stderr.endswith("which does not mean that it takes every length\n")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_graph_that_fails_where_the_file_runs_is_not_the_fault_of_the_input(engine, monkeypatch):
    def refuse(*_):
        raise RuntimeRefusalError("no kernel for Conv")

    proto, x = relu_cnn()
    model = ox.load(proto, engine=engine)
    for home in ("onnxplain.engines.forward", "onnxplain.engines.onnxruntime.program"):
        monkeypatch.setattr(f"{home}.open_session", refuse)
    with pytest.raises(UnsupportedModelError, match=r"runs the file on this input, but not the graph .*no kernel"):
        ox.explain(model, x, "gradient")


MESSAGES = {
    "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running Gather node. Name:'e' "
    "Status Message: indices out of\ndata bounds": "Gather 'e': indices out of data bounds",
    "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Non-zero status code returned while running Conv node. Name:'' "
    "Status Message: Invalid input shape: {1,19}": "Conv: Invalid input shape: {1,19}",
    "[ONNXRuntimeError] : 1 : FAIL : Load model from /tmp/onnxplain-e/model.onnx failed:Node (d) Op (Conv) [ShapeInf"
    "erenceError] too small": "Node (d) Op (Conv) [ShapeInferenceError] too small",
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Mul node. Name:'m' "
    "Status Message: /onnxruntime_src/onnxruntime/core/element_wise_ops.h:583 void onnxruntime::BroadcastIterator::"
    "Append(ptrdiff_t, ptrdiff_t) axis == 1 was false.": "Mul 'm': axis == 1 was false.",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_what_onnxruntime_says_is_one_line_without_its_codes_and_paths(message):
    assert said(RuntimeError(message)) == MESSAGES[message]


def test_a_file_that_no_input_is_to_blame_for():
    proto, x = relu_cnn()
    proto.graph.node[1].op_type = "MadeUp"
    with pytest.raises(BadInputError, match=r"onnxruntime cannot run this model: .*MadeUp"):
        ox.explain(ox.load(proto), x, "occlusion")
