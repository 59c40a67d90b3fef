"""The corrected operators of the reference evaluator: against onnxruntime, and beyond the precision of float32."""

from __future__ import annotations

import math

import numpy as np
import onnx_graphsurgeon as gs
import onnxruntime as ort
import pytest
from nets import network, node

from onnxplain.engines.forward import ReferenceForward
from onnxplain.errors import UnsupportedModelError

RNG = np.random.default_rng(0)


def reference(model, x):
    return ReferenceForward(gs.import_onnx(model)).run({"x": x}, ["y"])[0]["y"]


@pytest.mark.parametrize("pads", [0, 1])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_max_pool_as_onnxruntime(ceil_mode, stride, pads):
    x = RNG.normal(size=(2, 3, 9, 9)).astype("f") - 5
    attributes = {"kernel_shape": [3, 3], "strides": [stride] * 2, "pads": [pads] * 4, "ceil_mode": ceil_mode}
    model = network([node("MaxPool", "x", "y", **attributes)], x.shape, {})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(reference(model, x), session.run(None, {"x": x})[0])


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [
        (3, {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        (4, {"strides": [3, 3], "ceil_mode": 1}),
        (4, {"strides": [3, 3], "ceil_mode": 1, "pads": [1, 1, 1, 1]}),
        (3, {"strides": [3, 3], "ceil_mode": 1, "dilations": [2, 2]}),
        (400, {"strides": [400, 400], "ceil_mode": 1}),  # as PyTorch users write a mean over all that there is
    ],
)
def test_average_pool_as_onnxruntime(kernel, attributes, count):
    x = RNG.normal(size=(2, 3, 6, 6)).astype("f")
    pool = node("AveragePool", "x", "y", kernel_shape=[kernel] * 2, count_include_pad=count, **attributes)
    model = network([pool], x.shape, {})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(reference(model, x), session.run(None, {"x": x})[0], rtol=1e-5, atol=1e-6)


def test_what_the_evaluator_fails_at_is_refused():
    """onnxruntime rounds the number of windows up to one here, where ONNX leaves none."""
    pool = node("AveragePool", "x", "y", kernel_shape=[4, 4], strides=[2, 2], dilations=[2, 2])
    with pytest.raises(UnsupportedModelError, match="the reference evaluator fails"):
        reference(network([pool], (1, 2, 6, 6), {}), np.ones((1, 2, 6, 6), "f"))


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_global_max_pool_as_onnxruntime(rank):
    x = RNG.normal(size=(2, 3, 5, 4, 6)[:rank]).astype("f")
    model = network([node("GlobalMaxPool", "x", "y")], x.shape, {})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(reference(model, x), session.run(None, {"x": x})[0])


@pytest.mark.parametrize("size", [1, 3, 5])
def test_lrn_as_onnxruntime(size):
    """More channels than rows: each is normalised."""
    x = RNG.normal(size=(2, 7, 3, 4)).astype("f")
    model = network([node("LRN", "x", "y", size=size, alpha=0.5)], x.shape, {})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(reference(model, x), session.run(None, {"x": x})[0], rtol=1e-5)


@pytest.mark.parametrize("size", [2, 4])
def test_lrn_of_an_even_size_as_onnx_states_it(size):
    """From ⌊(size - 1) / 2⌋ channels before to ⌈(size - 1) / 2⌉ behind; onnxruntime takes odd sizes alone."""
    x = RNG.normal(size=(2, 7, 3)).astype("f")
    found = reference(network([node("LRN", "x", "y", size=size, alpha=0.5, bias=2.0)], x.shape, {}), x)
    for c in range(7):
        near = x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1].astype(float)
        np.testing.assert_allclose(found[:, c], x[:, c] / (2 + 0.5 / size * (near**2).sum(1)) ** 0.75, rtol=1e-9)


@pytest.mark.parametrize(
    ("op", "attributes", "exact"),
    [
        ("Erf", {}, math.erf),
        ("Gelu", {}, lambda v: v / 2 * math.erfc(-v / math.sqrt(2))),
        (
            "Gelu",
            {"approximate": "tanh"},
            lambda v: v / (1 + math.exp(-math.sqrt(8 / math.pi) * (v + 0.044715 * v**3))),
        ),
        ("HardSwish", {}, lambda v: v * min(max(v + 3, 0), 6) / 6),
    ],
)
def test_float64_throughout(op, attributes, exact):
    x = np.linspace(-4, 4, 33).astype("f")[None]
    y = reference(network([node(op, "x", "y", **attributes)], x.shape, {}), x)
    np.testing.assert_allclose(y[0], [exact(float(v)) for v in x[0]], rtol=1e-13, atol=1e-15)


def test_gathered_elements_come_from_any_number_of_rows():
    x, index = RNG.normal(size=(70, 9)).astype("f"), RNG.integers(-9, 9, (40, 8))
    model = network([node("GatherElements", "x index", "y", axis=1)], x.shape, {"index": index})
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(reference(model, x), session.run(None, {"x": x})[0])


def test_layer_norm_with_a_stash_type_stays_in_float64():
    x = RNG.normal(size=(3, 7)).astype("f")
    weights = {"w": np.ones(7, "f"), "b": np.zeros(7, "f")}
    model = network([node("LayerNormalization", "x w b", "y", epsilon=2.0**-10, stash_type=1)], x.shape, weights)
    z = x.astype(float) - x.astype(float).mean(1, keepdims=True)
    np.testing.assert_allclose(reference(model, x), z / np.sqrt((z**2).mean(1, keepdims=True) + 2.0**-10), rtol=1e-13)
