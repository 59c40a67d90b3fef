"""Einsum in a compiled walk, in every way that ONNX lets its equation be written."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox

# the equation of x and w, and the letters of its output in order: rows n, places i and j, classes d
WAYS = {
    "nijc,cd->nijd": "nijd",
    "...c,cd->...d": "nijd",
    "n...c,cd->n...d": "nijd",
    "nijc , cd -> ndij": "ndij",
    "nijc,cd": "dijn",  # without an output: the letters that occur once, sorted
}


@pytest.mark.parametrize("method", ["input_x_gradient", "lrp.zero"])
@pytest.mark.parametrize(("equation", "letters"), WAYS.items(), ids=WAYS)
def test_every_way_to_write_a_linear_map_of_channels(equation, letters, method):
    """The score of class d is the sum over places of x w; both methods give x w for it, by hand."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 2, 5, 4)).astype("f"), rng.normal(size=(4, 6)).astype("f")
    left = [letter for letter in letters if letter in "nd"]
    nodes = [
        node("Einsum", "x w", "e", equation=equation),
        node("ReduceSum", "e places", "s", keepdims=0),
        node("Transpose", "s", "y", perm=[left.index("n"), left.index("d")]),
    ]
    places = np.array([letters.index("i"), letters.index("j")])
    model = ox.load(network(nodes, x.shape, {"w": w, "places": places}), engine="onnxruntime")
    np.testing.assert_allclose(ox.explain(model, x, method, target=2).attribution, x * w[:, 2], rtol=1e-4, atol=1e-6)
