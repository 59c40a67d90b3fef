"""A baseline for each row stays with its row, however the rows are cut into chunks."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.errors import BadInputError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("batch", [1, 2, "N"])
def test_each_row_has_its_own_baseline(batch):
    """On f(x) = Σ x² DeepLIFT gives (x + x₀)(x - x₀), element by element."""
    model = network([node("Mul", "x x", "s"), node("MatMul", "s w", "y")], (1, 4), {"w": np.ones((4, 1), "f")})
    dimension = model.graph.input[0].type.tensor_type.shape.dim[0]
    if batch != "N":
        dimension.dim_value = batch
    x, baseline = RNG.normal(size=(2, 3, 4)).astype("f")
    e = ox.Explainer(ox.load(model), "deeplift")(x, target=0, baseline=baseline)
    np.testing.assert_allclose(e.attribution, x**2 - baseline**2, atol=1e-5)
    np.testing.assert_allclose(e.delta, 0, atol=1e-5)


def test_an_input_that_the_scores_do_not_need_may_be_given():
    """A threshold behind the scores: the file wants it, the explanation ignores it."""
    from onnx import TensorProto, helper

    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4]),
        helper.make_tensor_value_info("threshold", TensorProto.FLOAT, []),
    ]
    nodes = [
        node("MatMul", "x w", "s"),
        node("Softmax", "s", "p"),
        node("ReduceMax", "p", "top", axes=[1], keepdims=0),
        node("Less", "top threshold", "unsure"),
        node("ArgMax", "p", "class", axis=1, keepdims=0),
        node("Where", "unsure none class", "y"),
    ]
    weights = {"w": RNG.normal(size=(4, 3)).astype("f"), "none": np.int64(-1)}
    model = network(nodes, (1, 4), weights, inputs=inputs, opset=13)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    loaded, x = ox.load(model), RNG.normal(size=(2, 4)).astype("f")
    e = ox.explain(loaded, {"x": x, "threshold": np.zeros((), "f")}, "gradient")
    np.testing.assert_array_equal(e.attribution, ox.explain(loaded, x, "gradient").attribution)
    with pytest.raises(BadInputError, match="no input 'nonsense'"):
        ox.explain(loaded, {"x": x, "nonsense": x}, "gradient")
