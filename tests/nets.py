"""Small networks for tests, written as ONNX text or built node by node."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxplain as ox

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = ROOT / "models"
SHARED = ROOT.parent / "shared" / "models"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"real trained models are not at {SHARED.name!r} beside the repository"
)


def network(nodes, shape, weights, output="y", inputs=None, opset=24):
    """A model of one float input "x" of this shape (first axis dynamic) and one output of unknown shape."""
    feeds = inputs or [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", *shape[1:]])]
    graph = helper.make_graph(
        nodes,
        "test",
        feeds,
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def node(op, inputs, output, **attrs):
    """A node whose name is that of its output."""
    return helper.make_node(op, inputs.split(), output.split(), name=output.split()[0], **attrs)


DIGITS = sorted((BUNDLED / "images").glob("digit_*.png"))


def digits(name="digits_cnn_torch", **options):
    preprocess = BUNDLED / f"{name}.preprocess.json"
    return ox.load(BUNDLED / f"{name}.onnx", preprocess=preprocess, labels=BUNDLED / "digits.labels.txt", **options)


def relu_cnn(bias=True, seed=0):
    """Conv, ReLU, overlapping MaxPool, a skip with an addition, GlobalAveragePool, Gemm."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype("f")  # noqa: E731
    weights = {"w1": draw(6, 3, 3, 3), "w2": draw(6, 6, 3, 3), "w3": draw(4, 6)}
    if bias:
        weights |= {"b1": draw(6), "b2": draw(6), "b3": draw(4)}
    b = [f" b{i}" if bias else "" for i in (1, 2, 3)]
    nodes = [
        node("Conv", "x w1" + b[0], "c1", pads=[1, 1, 1, 1]),
        node("Relu", "c1", "r1"),
        node("MaxPool", "r1", "p1", kernel_shape=[3, 3], strides=[2, 2]),
        node("Conv", "p1 w2" + b[1], "c2", pads=[1, 1, 1, 1]),
        node("Add", "c2 p1", "s"),
        node("Relu", "s", "r2"),
        node("GlobalAveragePool", "r2", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w3" + b[2], "y", transB=1),
    ]
    x = rng.normal(size=(3, 3, 11, 9)).astype("f")
    return network(nodes, x.shape, weights), x


def deep(side, channels, count, hidden):
    """Convolutions with skips, and a dense layer of `hidden` outputs."""
    draw = np.random.default_rng(0)
    weights, nodes, x = {"w0": draw.normal(size=(channels, 3, 3, 3)).astype("f") / 5}, [], "r0"
    nodes += [node("Conv", "x w0", "c0", pads=[1] * 4), node("Relu", "c0", "r0")]
    for i in range(1, count):
        weights[f"w{i}"] = draw.normal(size=(channels, channels, 3, 3)).astype("f") / (3 * channels**0.5)
        nodes += [node("Conv", f"{x} w{i}", f"c{i}", pads=[1] * 4), node("Add", f"c{i} {x}", f"a{i}")]
        nodes.append(node("Relu", f"a{i}", f"r{i}"))
        x = f"r{i}"
    weights |= {"v": draw.normal(size=(channels, hidden)).astype("f"), "u": draw.normal(size=(hidden, 2)).astype("f")}
    nodes += [node("GlobalAveragePool", x, "g"), node("Flatten", "g", "f"), node("MatMul", "f v", "h")]
    nodes += [node("Relu", "h", "hr"), node("MatMul", "hr u", "y")]
    return network(nodes, (1, 3, side, side), weights)


def packed(path):
    """The bytes of a model that lies in the repository compressed, as PATH.xz."""
    return lzma.decompress(path.with_name(f"{path.name}.xz").read_bytes())
