"""Files whose integers have a scale that each run computes, and files of which only the weights are quantised."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest
from nets import network, node
from passes.quantised.files import X, dynamic, float_twin
from passes.quantised.replica import gradient

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.runtime import open_session

RNG = np.random.default_rng(3)


def scores(model, x):
    """What onnxruntime computes of each row alone, as the scale of a dynamic quantisation is of all rows."""
    session = open_session(model)
    return np.concatenate([session.run(None, {"x": row[None]})[0] for row in x])


def test_dynamic_scores_are_those_of_each_row_alone():
    e = ox.explain(ox.load(dynamic()), X, "gradient")
    assert e.parity.difference == 0
    np.testing.assert_array_equal(e.prediction, scores(dynamic(), X))


def test_the_scale_is_held_and_rounding_has_the_slope_1():
    want = np.concatenate([gradient(dynamic(), row[None], target=1)[0] for row in X])
    e = ox.explain(ox.load(dynamic()), X, "gradient", target=1)
    np.testing.assert_allclose(e.attribution, want, atol=1e-5 * np.abs(want).max())


def test_dynamic_deeplift_completes_and_maps_are_those_of_the_float_network():
    found = scores(dynamic(), np.concatenate([X, np.zeros_like(X)]))[:, 2]
    moved = found[: len(X)] - found[len(X) :]
    e = ox.explain(ox.load(dynamic()), X, "deeplift", target=2, baseline=0.0)
    np.testing.assert_allclose(e.attribution.sum((1, 2, 3)), moved, atol=1e-4 * np.abs(moved).max())
    a, b = (ox.explain(ox.load(m), X, "gradient", target=1).attribution for m in (dynamic(), float_twin()))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98


def test_a_product_of_integers_that_is_no_value_in_floats_is_refused():
    """It is added to another one before it is multiplied by its scale."""
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q w z", "p"),
        node("Add", "p one", "sum"),
        node("Cast", "sum", "f", to=onnx.TensorProto.FLOAT),
        node("Mul", "f s", "y"),
    ]
    weights = {"w": RNG.integers(0, 9, (4, 3)).astype(np.uint8), "one": np.int32(1)}
    with pytest.raises(UnsupportedModelError, match=r"(?s)DynamicQuantizeLinear.*'q'.*MatMulInteger.*'p'"):
        ox.Explainer(ox.load(network(nodes, (1, 4), weights, opset=21)), "gradient")


def picking(axis, kept):
    """A product with a scale from all rows, and a selection that does not tell by itself what becomes of rows."""
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q w z", "p"),
        node("Cast", "p", "f", to=onnx.TensorProto.FLOAT),
        node("Mul", "f s", "m"),
        node("Compress", "m kept", "y", axis=axis),
    ]
    weights = {"w": RNG.integers(0, 9, (4, 3)).astype(np.uint8), "kept": np.array(kept)}
    return network(nodes, (1, 4), weights, opset=21)


def test_rows_that_share_a_scale_are_explained_one_by_one_where_a_run_tells_that_they_are_apart():
    model, x = picking(1, [True, False, True]), RNG.normal(size=(3, 4)).astype("f")
    for method in ("gradient", "deeplift", "occlusion"):
        e = ox.explain(ox.load(model), x, method, target=1)
        np.testing.assert_array_equal(e.prediction, scores(model, x))
        assert e.parity.difference == 0
    together = open_session(model).run(None, {"x": x})[0]
    assert np.abs(together - e.prediction).max() > 1e-3, "the scale of all rows rounds otherwise"


def test_rows_that_meet_besides_are_refused():
    """The scores are those of the first row alone, whatever stands in the others."""
    with pytest.raises(UnsupportedModelError, match="a row changes the scores of another"):
        ox.explain(ox.load(picking(0, [True])), RNG.normal(size=(2, 4)).astype("f"), "gradient", target=1)


@cache
def mlp():
    """Two dense layers with a bias, in floats."""
    weights = {f"w{i}": RNG.normal(size=(32, 32)).astype("f") / 6 for i in (1, 2)} | {"b": np.ones(32, "f") / 9}
    nodes = [node("MatMul", "x w1", "m"), node("Add", "m b", "a"), node("Relu", "a", "r"), node("MatMul", "r w2", "y")]
    return network(nodes, (1, 32), weights, opset=21)


@cache
def four_bits(form, **options):
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    made = MatMulNBitsQuantizer(mlp(), block_size=16, quant_format=getattr(QuantFormat, form), **options)
    made.process()
    return made.model.model


@pytest.mark.parametrize(
    ("form", "options"),
    [("QOperator", {"is_symmetric": True}), ("QOperator", {"is_symmetric": False}), ("QDQ", {"is_symmetric": True})],
    ids=["MatMulNBits", "with zero points", "DequantizeLinear"],
)
def test_weights_of_four_bits(form, options):
    """The scores are the file's; so is the slope, where the file computes with floats."""
    model, x = four_bits(form, **options), RNG.normal(size=(2, 32)).astype("f")
    e = ox.explain(ox.load(model), x, "gradient", target=1)
    (want,) = open_session(model).run(None, {"x": x})
    np.testing.assert_allclose(e.prediction, want, atol=1e-6)
    assert e.parity.share < 1e-6
    if form == "QOperator":
        step = 1e-2 * np.eye(32, dtype="f")
        up, down = (open_session(model).run(None, {"x": x[:1] + sign * step})[0][:, 1] for sign in (1, -1))
        near = np.abs((up - down) / 2e-2 - e.attribution[0]) < 1e-3  # a kink may lie within a step
        assert near.mean() > 0.9
    d = ox.explain(ox.load(model), x, "deeplift", target=1)
    base = open_session(model).run(None, {"x": np.zeros_like(x)})[0][:, 1]
    np.testing.assert_allclose(d.attribution.sum(1), want[:, 1] - base, atol=1e-4 * np.abs(want[:, 1] - base).max())


SIDES = {"a": RNG.integers(0, 255, (2, 6)).astype(np.uint8), "w": RNG.integers(0, 255, (6, 4)).astype(np.uint8)}


def test_products_that_quantise_by_themselves():
    """DynamicQuantizeMatMul and MatMulIntegerToFloat, as onnxruntime's optimiser makes them."""
    weights = {"w": SIDES["w"], "ws": np.float32(0.01), "wz": np.uint8(120), "b": RNG.normal(size=4).astype("f")}
    fused = [node("DynamicQuantizeMatMul", "x w ws wz b", "y", domain="com.microsoft")]
    apart = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulIntegerToFloat", "q w s ws z wz b", "y", domain="com.microsoft"),
    ]
    x = RNG.normal(size=(1, 6)).astype("f")
    for nodes in (fused, apart):
        model = network(nodes, (1, 6), weights, opset=21)
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
        e = ox.explain(ox.load(model), x, "gradient", target=1)
        np.testing.assert_allclose(e.attribution[0], (SIDES["w"][:, 1] - 120.0) * 0.01, rtol=1e-5)
        np.testing.assert_array_equal(e.prediction, open_session(model).run(None, {"x": x})[0])
