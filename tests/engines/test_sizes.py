"""Shapes with the number of rows as a symbol: learnt where lengths grow with the rows, refused where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows
from onnxplain.engines.onnxruntime.sizes import learn

X = np.ones((5, 4), "f")


def canonical(*nodes):
    weights = {"w": np.ones((4, 3), "f"), "k": np.ones((1, 4), "f"), "flat": np.array([-1]), "axes": np.array([0])}
    return ox.load(network(nodes, X.shape, weights)).canonical


def test_lengths_grow_with_the_rows():
    found = learn(
        canonical(node("MatMul", "x w", "h"), node("Reshape", "h flat", "f"), node("Add", "f f", "y")),
        {"x": X}, {"h", "f", "y"}, symbolic=True,
    )  # fmt: skip
    assert found == {"x": (Rows(), 4), "h": (Rows(), 3), "f": (Rows(3),), "y": (Rows(3),)}


def test_a_length_that_does_not_grow_in_proportion_is_refused():
    longer = canonical(node("Concat", "x k", "c", axis=0), node("ReduceSum", "c axes", "s"), node("Add", "x s", "y"))
    with pytest.raises(BatchSizeNeededError):
        learn(longer, {"x": X}, {"c"}, symbolic=True)
    assert learn(longer, {"x": X}, {"c"}, symbolic=False)["c"] == (6, 4)
