"""What is explained where the input is not a float: the first float value behind it."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox

RNG = np.random.default_rng(3)


def integers(nodes, shape, weights, dtype):
    inputs = [helper.make_tensor_value_info("x", dtype, ["N", *shape[1:]])]
    return ox.load(network(nodes, shape, weights, inputs=inputs), precision="float64")


def test_pixels_in_uint8_are_explained_from_the_cast_on():
    w = RNG.normal(size=(3, 4)).astype("f")
    nodes = [node("Cast", "x", "float", to=TensorProto.FLOAT), node("Gemm", "float w", "y", transB=1)]
    model = integers(nodes, (1, 4), {"w": w}, TensorProto.UINT8)
    assert model.root == "float"
    x = np.array([[1, 200, 30, 4]], np.uint8)
    e = ox.explain(model, x, "input_x_gradient", target=1)
    np.testing.assert_allclose(e.attribution, x * w[1].astype(float), rtol=1e-12)
    assert e.record["explained"] == "float"


def test_token_ids_are_explained_from_the_embedding_on_one_number_a_token():
    table, head = RNG.normal(size=(9, 5)).astype("f"), RNG.normal(size=(2, 5)).astype("f")
    nodes = [
        node("Gather", "table x", "embedded", axis=0),
        node("ReduceMean", "embedded axes", "mean", keepdims=0),
        node("Gemm", "mean head", "y", transB=1),
    ]
    model = integers(nodes, (1, 4), {"table": table, "axes": np.array([1]), "head": head}, TensorProto.INT64)
    assert model.root == "embedded"
    x = np.array([[1, 8, 3, 3], [0, 2, 2, 7]])
    e = ox.explain(model, x, "input_x_gradient", target=0)
    assert e.attribution.shape == x.shape
    np.testing.assert_allclose(e.attribution, (table[x].astype(float) @ head[0].astype(float)) / 4, rtol=1e-10)


def two_inputs():
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("a", "b")]
    nodes = [node("Mul", "a b", "p"), node("Gemm", "p w", "y", transB=1)]
    return network(nodes, (1, 3), {"w": RNG.normal(size=(2, 3)).astype("f")}, inputs=inputs)


def test_of_several_inputs_one_is_named():
    with pytest.raises(ox.errors.UsageError, match=r"attributes to one input.*'a', 'b'.*input="):
        ox.explain(ox.load(two_inputs()), {"a": np.ones((1, 3), "f"), "b": np.ones((1, 3), "f")}, "gradient")
    model = ox.load(two_inputs(), input="b", precision="float64")
    feeds = {"a": np.array([[1, 2, 3]], "f"), "b": np.array([[4, 5, 6]], "f")}
    swapped = {"a": feeds["b"], "b": feeds["a"]}
    one, other = (ox.explain(model, each, "input_x_gradient", target=0) for each in (feeds, swapped))
    np.testing.assert_allclose(one.attribution, other.attribution)
    with pytest.raises(ox.errors.BadInputError, match="the model also needs 'a'"):
        ox.explain(model, feeds["b"], "gradient")
    with pytest.raises(ox.errors.BadInputError, match="no input 'c'; its inputs: 'a', 'b'"):
        ox.explain(model, {**feeds, "c": feeds["a"]}, "gradient")
    with pytest.raises(ox.errors.UsageError, match="no input 'c'; its inputs: 'a', 'b'"):
        ox.load(two_inputs(), input="c")


def test_a_model_that_compares_has_no_derivative():
    nodes = [node("Greater", "x half", "g"), node("Cast", "g", "y", to=TensorProto.FLOAT)]
    model = network(nodes, (1, 3), {"half": np.array(0.5, "f")})
    with pytest.raises(ox.errors.UnsupportedModelError):
        ox.explain(ox.load(model), np.ones((1, 3), "f"), "gradient")


def test_integers_that_are_no_floats_are_refused_and_a_value_behind_them_can_be_asked_for():
    nodes = [
        node("QuantizeLinear", "x scale zero", "q"),
        node("BitwiseNot", "q", "n"),
        node("Gather", "n first", "g", axis=1),
        node("DequantizeLinear", "g scale zero", "d"),
        node("Gemm", "d w", "y", transB=1),
    ]
    weights = {"scale": np.float32(0.1), "zero": np.uint8(3), "first": np.array([0]), "w": np.ones((2, 1), "f")}
    model = ox.load(network(nodes, (1, 4), weights))
    x = np.ones((1, 4), "f")
    with pytest.raises(
        ox.errors.UnsupportedModelError, match=r"(?s)QuantizeLinear.*'q'.*DequantizeLinear.*'d'.*layer="
    ):
        ox.explain(model, x, "gradient")
    assert ox.explain(model, x, "gradient", layer="d").attribution.shape == (1, 1)
    assert ox.explain(model, x, "occlusion").attribution.shape == x.shape


@pytest.mark.parametrize("layer", [None, "r"])
def test_an_output_that_is_left_out_is_no_value(layer):
    """The LayerNorm leaves out its mean, and each Clip its lower bound: nothing passes from the one to the other."""
    weights = {"w": RNG.normal(size=(4, 5)).astype("f"), "v": RNG.normal(size=(5, 3)).astype("f"), "s": np.ones(5, "f")}
    explainers = []
    for left_out in ("", "mean"):
        nodes = [
            node("MatMul", "x w", "h"),
            helper.make_node("Clip", ["h", "", "six"], ["r"], name="before"),
            helper.make_node("LayerNormalization", ["r", "s"], ["n", left_out, "inverse"], name="norm"),
            node("Greater", "inverse zero", "big"),
            helper.make_node("Clip", ["n", "", "six"], ["c"], name="behind"),
            node("Where", "big c zero", "m"),
            node("MatMul", "m v", "y"),
        ]
        model = ox.load(network(nodes, (1, 4), weights | {"six": np.float32(6), "zero": np.float32(0)}))
        explainers.append(ox.Explainer(model, "gradient", layer=layer))
    without, with_mean = explainers
    assert str(without.plan) == str(with_mean.plan)
    x = RNG.normal(size=(2, 4)).astype("f")
    np.testing.assert_array_equal(without(x, 1).attribution, with_mean(x, 1).attribution)


def test_an_output_that_is_left_out_is_no_root():
    """Unique leaves an output out, and a Clip of another input its lower bound: they have no value in common."""
    nodes = [
        helper.make_node("Unique", ["x"], ["u", "", "places"], name="unique"),
        node("Reshape", "places shape", "r"),
        node("Cast", "r", "f", to=TensorProto.FLOAT),
        helper.make_node("Clip", ["z", "", "six"], ["c"], name="clip"),
        node("Add", "f c", "y"),
    ]
    kinds = {"x": TensorProto.INT64, "z": TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(name, kind, ["N", 6]) for name, kind in kinds.items()]
    weights = {"six": np.float32(6), "shape": np.array([-1, 6])}
    assert ox.load(network(nodes, None, weights, inputs=inputs), input="x").root == "f"
