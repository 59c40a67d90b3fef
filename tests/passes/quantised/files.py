"""Quantised files, made by onnxruntime's own quantiser of small networks with random weights."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from nets import network, node
from onnxruntime import quantization as q

RNG = np.random.default_rng(7)
SHAPE = (3, 12, 12)
X = RNG.normal(size=(3, *SHAPE)).astype("f")
FORMS = {
    "qdq": {"quant_format": q.QuantFormat.QDQ},
    "qdq per channel": {"quant_format": q.QuantFormat.QDQ, "per_channel": True},
    "qdq int8": {"quant_format": q.QuantFormat.QDQ, "activation_type": q.QuantType.QInt8},
    "qdq uint16": {"quant_format": q.QuantFormat.QDQ, "activation_type": q.QuantType.QUInt16},
    "qoperator": {"quant_format": q.QuantFormat.QOperator},
    "qoperator per channel": {"quant_format": q.QuantFormat.QOperator, "per_channel": True},
    "qoperator int8": {"quant_format": q.QuantFormat.QOperator, "activation_type": q.QuantType.QInt8},
}
"""What onnxruntime's static quantiser is asked for."""


def _draw(*shape):
    return (RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]) / 2)).astype("f")


def cnn():
    """Convolutions with ReLU, a skip, both kinds of pool, a concatenation and a dense layer."""
    nodes = [
        node("Conv", "x w1 b1", "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("Conv", "r1 w2 b2", "c2", pads=[1, 1, 1, 1], group=2),
        node("Add", "c2 r1", "a"),
        node("Relu", "a", "r2"),
        node("MaxPool", "r2", "p", kernel_shape=[3, 3], strides=[2, 2]),
        node("Conv", "p w3", "c3"),
        node("LeakyRelu", "c3", "r3", alpha=0.1),
        node("AveragePool", "p", "p4", kernel_shape=[3, 3], strides=[1, 1]),
        node("Sigmoid", "p4", "s4"),
        node("Concat", "r3 s4", "n", axis=1),
        node("GlobalAveragePool", "n", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w5 b5", "y", transB=1),
    ]
    weights = {"w1": _draw(8, 3, 3, 3), "b1": _draw(8), "w2": _draw(8, 4, 3, 3), "b2": _draw(8)}
    weights |= {"w3": _draw(12, 8, 3, 3), "w5": _draw(5, 20), "b5": _draw(5)}
    return network(nodes, (1, *SHAPE), weights, opset=17)


class _Reader(q.CalibrationDataReader):
    def __init__(self):
        self._rows = iter([{"x": X}])

    def get_next(self):
        return next(self._rows, None)


@cache
def static(form):
    """The network in one of `FORMS`."""
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        onnx.save(float_twin(), source)
        q.quantize_static(source, result, _Reader(), **FORMS[form])
        return onnx.load(result)


@cache
def dynamic():
    """The network whose activations are quantised by a scale of their own in each run."""
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        onnx.save(float_twin(), source)
        q.quantize_dynamic(source, result)
        return onnx.load(result)


@cache
def float_twin():
    """The network in floats."""
    return cnn()
