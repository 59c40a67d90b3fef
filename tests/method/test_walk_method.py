"""What a walk gives has the shape of what it is said to be of."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift"])
@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_layer_whose_first_axis_is_the_time_is_refused(rows, method, engine):
    nodes = [
        node("Sigmoid", "x", "s"), node("Transpose", "s", "t", perm=[1, 0, 2]), node("MatMul", "t w", "o"),
        node("ReduceMean", "o first", "y", keepdims=0),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 5)).astype("f"), "first": np.array([0])}
    model, x = ox.load(network(nodes, (1, 3, 4), weights), engine=engine), rng.normal(size=(rows, 3, 4)).astype("f")
    with pytest.raises(ox.errors.OnnxplainError, match="'t'"):
        ox.explain(model, x, method, target=0, layer="t")
    assert ox.explain(model, x, method, target=0, layer="s").attribution.shape == x.shape
