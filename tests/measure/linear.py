"""A linear classifier of small pictures: every measure of it has a closed form."""

from __future__ import annotations

import numpy as np
from nets import network, node

import onnxplain as ox

SHAPE = (4, 2, 6, 5)


def linear(precision="float64", classes=3):
    """The model, its inputs, and per class the weights like an input."""
    rng = np.random.default_rng(7)
    weights, x = rng.normal(size=(classes, 60)).astype("f"), rng.uniform(-1, 2, SHAPE).astype("f")
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", transB=1)]
    model = network(nodes, SHAPE, {"w": weights, "b": rng.normal(size=classes).astype("f")})
    return ox.load(model, precision=precision), x, weights.reshape(classes, *SHAPE[1:]).astype(float)


def contribution(model):
    """The exact contributions of each element, w · x."""
    w = linear()[2]
    return lambda feeds, target: w[target] * feeds["x"]
