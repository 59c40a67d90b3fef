"""`layer=` names a value whose rows lie on another axis: its attribution is that of each row, by a closed form."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 5)).astype("f")
WAYS = ({}, {"engine": "numpy"}, {"precision": "float64"})


def time_major(rows="N"):
    """y = mean over time of t² w, where t = sigmoid(x) lies as [time, batch, channels]."""
    nodes = [
        node("Sigmoid", "x", "s"), node("Transpose", "s", "t", perm=[1, 0, 2]), node("Mul", "t t", "u"),
        node("MatMul", "u w", "o"), node("ReduceMean", "o first", "y", keepdims=0),
    ]  # fmt: skip
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 3, 4])]
    return network(nodes, None, {"w": W, "first": np.array([0])}, inputs=inputs)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_rows_on_the_second_axis_come_first(way, rows):
    x = RNG.normal(size=(rows, 3, 4)).astype("f")
    t = 1 / (1 + np.exp(-x.astype(float)))
    e = ox.explain(ox.load(time_major(), **way), x, "gradient", target=2, layer="t")
    np.testing.assert_allclose(e.attribution, 2 * t * W[:, 2] / 3, rtol=1e-5)
    assert e.record["explained"] == "t"


@pytest.mark.parametrize("method", ["deeplift", "lrp.epsilon"])
def test_what_is_shared_out_adds_up(method):
    x = RNG.normal(size=(3, 3, 4)).astype("f")
    t = 1 / (1 + np.exp(-x.astype(float)))
    due = (t**2 @ W).mean(1)[:, 1] - ((0.25 * W[:, 1]).sum() if method == "deeplift" else 0)
    for way in WAYS:
        e = ox.explain(ox.load(time_major(), **way), x, method, target=1, layer="t")
        assert e.attribution.shape == (3, 3, 4)
        np.testing.assert_allclose(e.attribution.sum((1, 2)), due, atol=2e-5)


def test_a_file_of_one_number_of_rows():
    x = RNG.normal(size=(2, 3, 4)).astype("f")
    t = 1 / (1 + np.exp(-x.astype(float)))
    e = ox.explain(ox.load(time_major(2)), x, "gradient", target=0, layer="t")
    np.testing.assert_allclose(e.attribution, 2 * t * W[:, 0] / 3, rtol=1e-5)


def test_rows_that_share_an_axis_with_others_are_refused():
    nodes = [
        node("Reshape", "x flat", "t"), node("Mul", "t t", "u"), node("MatMul", "u w", "o"),
        node("Reshape", "o steps", "r"), node("ReduceMean", "r one", "y", keepdims=0),
    ]  # fmt: skip
    weights = {"w": W, "flat": np.array([-1, 4]), "steps": np.array([-1, 3, 5]), "one": np.array([1])}
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4])]
    model = ox.load(network(nodes, None, weights, inputs=inputs))
    with pytest.raises(UnsupportedModelError, match="no axis of it holds the rows alone"):
        ox.explain(model, np.ones((2, 3, 4), "f"), "gradient", target=0, layer="t")
