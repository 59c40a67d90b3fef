"""Each quantised operator alone, and integers at both ends of a file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node
from onnx import helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.runtime import open_session
from onnxplain.passes.quantised.operators import OPERATORS

torch = pytest.importorskip("torch", reason="the gradient is compared with PyTorch's autograd")
F = torch.nn.functional
RNG = np.random.default_rng(11)
S, Z = np.float32(1 / 64), np.uint8(128)
X = (RNG.integers(-100, 100, (2, 4, 6, 6)) * S).astype("f")
C = RNG.integers(60, 200, (4, 6, 6)).astype(np.uint8)
K = RNG.integers(120, 137, (5, 4, 3, 3)).astype(np.uint8)
M = RNG.integers(120, 137, (6, 3)).astype(np.uint8)
real = lambda q: torch.tensor((q.astype("f") - 128.0) * S)  # noqa: E731

CASES = {
    "QLinearConv": ("q s z k s z t z", lambda x: F.conv2d(x, real(K)), {}),
    "QLinearMatMul": ("q s z m s z t z", lambda x: x @ real(M), {}),
    "QLinearAdd": ("q s z c s z t z", lambda x: x + real(C), {}),
    "QLinearMul": ("q s z c s z t z", lambda x: x * real(C), {}),
    "QLinearConcat": ("t z q s z q s z", lambda x: torch.cat([x, x], 1), {"axis": 1}),
    "QLinearWhere": ("choice q s z c s z t z", lambda x: torch.where(torch.tensor(C > 128), x, real(C)), {}),
    "QLinearLeakyRelu": ("q s z t z", lambda x: F.leaky_relu(x, 0.1), {"alpha": 0.1}),
    "QLinearSigmoid": ("q s z t z", torch.sigmoid, {}),
    "QLinearSoftmax": ("q s z t z", lambda x: x.softmax(-1), {"axis": -1, "opset": 13}),
    "QLinearAveragePool": ("q s z t z", lambda x: F.avg_pool2d(x, 3, 2), {"kernel_shape": [3, 3], "strides": [2, 2]}),
    "QLinearGlobalAveragePool": ("q s z t z", lambda x: x.mean((2, 3), keepdim=True), {"channels_last": 0}),
}  # fmt: skip
"""For each operator its inputs, the same function of floats in PyTorch, and its attributes."""

ELSEWHERE = {"QGemm", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits"}
"""Operators that the files of the other tests have."""

WEIGHTS = {"s": S, "z": Z, "t": np.float32(1 / 16), "k": K, "m": M, "c": C, "choice": C > 128}


def microsoft(model):
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def test_every_operator_is_tested():
    assert {name for _, name in OPERATORS} == CASES.keys() | ELSEWHERE


@pytest.mark.parametrize("op", CASES)
def test_the_slope_is_that_of_the_float_operator(op):
    """The input is a multiple of the scale, so that quantising it changes nothing; the scores are random sums."""
    inputs, function, attrs = CASES[op]
    domain = "" if op in ("QLinearConv", "QLinearMatMul") else "com.microsoft"
    x = torch.tensor(X, requires_grad=True)
    y = function(x)
    w = RNG.normal(size=(*y[0].flatten().shape, 3)).astype("f")
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node(op, inputs, "r", domain=domain, **attrs),
        node("DequantizeLinear", "r t z", "d"),
        node("Flatten", "d", "f"),
        node("MatMul", "f w", "y"),
    ]
    model = microsoft(network(nodes, X.shape, {**WEIGHTS, "w": w}, opset=21))
    inside = (y.detach() > -128.5 / 16) & (y.detach() < 127.5 / 16)
    (want,) = torch.autograd.grad((y.flatten(1) @ torch.tensor(w))[:, 1].sum(), x)
    assert inside.all()
    e = ox.explain(ox.load(model), X, "gradient", target=1)
    np.testing.assert_array_equal(e.prediction, open_session(model).run(None, {"x": X})[0])
    np.testing.assert_allclose(e.attribution, want.numpy(), atol=1e-5 * want.abs().max().item())


@pytest.mark.parametrize("domain", ["integers out", "softmax of integers", "label"])
def test_integers_at_both_ends(domain):
    """A picture in uint8 that is turned first, and scores, probabilities or a label made of integers."""
    nodes = [
        node("Transpose", "x", "turned", perm=[0, 3, 1, 2]),
        node("QLinearConv", "turned s z k s z t z", "r"),
        node("QLinearGlobalAveragePool", "r t z t2 z", "g", domain="com.microsoft"),
        node("Flatten", "g", "scores"),
    ]
    output, kind = "scores", onnx.TensorProto.UINT8
    if domain == "softmax of integers":
        nodes += [node("QLinearSoftmax", "scores t2 z p zero", "odds", domain="com.microsoft", axis=-1, opset=13)]
        output = "odds"
    if domain == "label":
        nodes += [node("ArgMax", "scores", "label", axis=1, keepdims=0)]
        output, kind = "label", onnx.TensorProto.INT64
    pixels = helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["N", 6, 6, 4])
    weights = WEIGHTS | {"t2": np.float32(1 / 128), "p": np.float32(1 / 256), "zero": np.uint8(0)}
    model = microsoft(network(nodes, (), weights, output=output, inputs=[pixels], opset=21))
    model.graph.output[0].type.tensor_type.elem_type = kind
    x = RNG.integers(0, 255, (2, 6, 6, 4)).astype(np.uint8)
    loaded = ox.load(model)
    e = ox.explain(loaded, x, "gradient", target=1)
    floats = torch.tensor((x - 128.0) / 64, dtype=torch.float32, requires_grad=True)
    y = F.conv2d(floats.permute(0, 3, 1, 2), real(K)).mean((2, 3))
    (want,) = torch.autograd.grad(y[:, 1].sum(), floats)
    np.testing.assert_allclose(e.attribution, want.numpy(), atol=1e-6)
    np.testing.assert_allclose(e.prediction, y.detach().numpy(), atol=1 / 64)
    (out,) = open_session(model).run(None, {"x": x})
    if domain == "integers out":
        np.testing.assert_array_equal(e.prediction, (out - 128.0) / 128)
    else:
        np.testing.assert_array_equal(e.prediction.argmax(1), out.argmax(1) if out.ndim > 1 else out)
    d = ox.explain(loaded, x, "deeplift", target=1)
    assert np.abs(d.delta).max() < 1e-5


def test_channels_last_is_refused_by_name():
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("QLinearGlobalAveragePool", "q s z t z", "r", domain="com.microsoft", channels_last=1),
        node("DequantizeLinear", "r t z", "d"),
        node("Flatten", "d", "y"),
    ]
    with pytest.raises(UnsupportedModelError, match=r"QLinearGlobalAveragePool \(node 'r'\)"):
        ox.Explainer(ox.load(microsoft(network(nodes, X.shape, WEIGHTS, opset=21))), "gradient")


def test_elements_of_integers_are_handed_on():
    """MaxPool, Pad by an integer, Slice, Transpose, Concat and Reshape of integers, against the same on floats."""
    weights = WEIGHTS | {"pads": np.array([0, 0, 0, 0, 0, 0, 1, 1]), "first": np.array([1]), "end": np.array([4])}
    weights |= {
        "channels": np.array([1]),
        "shape": np.array([0, -1]),
        "w": RNG.normal(size=(3 * 6 * 12, 3)).astype("f"),
    }
    body = [
        node("MaxPool", "i", "pool", kernel_shape=[2, 2], strides=[1, 1]),
        node("Pad", "pool pads fill", "padded"),
        node("Slice", "padded first end channels", "cut"),
        node("Transpose", "cut", "turned", perm=[0, 1, 3, 2]),
        node("Concat", "turned turned", "twice", axis=3),
        node("Reshape", "twice shape", "o"),
    ]
    ends = {
        "quantised": (node("QuantizeLinear", "x s z", "i"), node("DequantizeLinear", "o s z", "d"), np.uint8(200)),
        "float": (node("Identity", "x", "i"), node("Identity", "o", "d"), np.float32((200 - 128) / 64)),
    }
    maps = []
    for start, end, fill in ends.values():
        nodes = [start, *body, end, node("MatMul", "d w", "y")]
        maps.append(ox.explain(ox.load(network(nodes, X.shape, weights | {"fill": fill}, opset=21)), X, "gradient"))
    np.testing.assert_allclose(maps[0].attribution, maps[1].attribution, atol=1e-6)
    np.testing.assert_allclose(maps[0].prediction, maps[1].prediction, atol=1e-4)
