"""The networks on which engines are compared: small ones built here, and the bundled models."""

from __future__ import annotations

import numpy as np
from method.test_graphs import GRAPHS
from nets import BUNDLED, DIGITS, digits, network, node, relu_cnn
from PIL import Image

ROWS = 3


def _pictures(name):
    model = digits(name)
    return BUNDLED / f"{name}.onnx", np.concatenate([model.preprocess(Image.open(path)) for path in DIGITS[:ROWS]])


def _rows(name, samples):
    x = np.load(BUNDLED / samples)
    factors = np.linspace(0.9, 1.1, ROWS, dtype="f")[:, None]
    return BUNDLED / f"{name}.onnx", x * factors if len(x) == 1 else x[:ROWS]


def _graph(name):
    model, shape = GRAPHS[name]()
    return model, np.random.default_rng(7).normal(size=shape).astype("f")


def rectifiers():
    """Every rectifier, a pool over all pixels and a maximum of two branches."""
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1]),
        node("PRelu", "c slope", "p"),
        node("ThresholdedRelu", "c", "t", alpha=0.1),
        node("Clip", "p low high", "k"),
        node("Max", "k t", "m"),
        node("LeakyRelu", "m", "l", alpha=0.1),
        node("ReduceMax", "l axes", "r", keepdims=0),
        node("MatMul", "r head", "y"),
    ]
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(5, 2, 3)).astype("f"), "slope": np.full((5, 1), 0.2, "f"), "axes": np.array([2]),
        "low": np.array(-0.5, "f"), "high": np.array(1.5, "f"), "head": rng.normal(size=(5, 3)).astype("f"),
    }  # fmt: skip
    x = rng.normal(size=(ROWS, 2, 8)).astype("f")
    return network(nodes, x.shape, weights), x


CNNS = ("digits_cnn_torch", "digits_cnn_keras", "digits_cnn_dynamo")
CORE = {
    "relu_cnn": relu_cnn,
    "relu_cnn without bias": lambda: relu_cnn(bias=False, seed=1),
    "rectifiers": rectifiers,
    **{name: lambda name=name: _graph(name) for name in GRAPHS},
    **{name: lambda name=name: _pictures(name) for name in CNNS},
    "digits_mlp_sklearn": lambda: _rows("digits_mlp_sklearn", "digits_samples.npy"),
    "digits_linear_sklearn": lambda: _rows("digits_linear_sklearn", "digits_samples.npy"),
    "wine_mlp_torch": lambda: _rows("wine_mlp_torch", "wine_sample.npy"),
}  # fmt: skip
"""Name -> (model, input)."""
