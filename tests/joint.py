"""Small networks of several inputs, each with its inputs: [N, ...] arrays by name."""

from __future__ import annotations

import numpy as np
from nets import network, node
from onnx import TensorProto, helper


def draw(*shape, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype("f")


def given(**shapes):
    return {
        name: np.random.default_rng(i).normal(size=shape).astype("f") for i, (name, shape) in enumerate(shapes.items())
    }


def inputs(shapes, dtypes=()):
    kinds = dict(dtypes)
    return [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), s) for n, s in shapes.items()]


def pictures(size=("H", "W")):
    """Two pictures of different sizes, that of the second one open in the file."""
    weights = {"w1": draw(4, 3, 3, 3), "b1": draw(4, seed=1), "w2": draw(5, 1, 3, 3, seed=2), "w3": draw(9, 3, seed=3)}
    nodes = [
        node("Conv", "left w1 b1", "c1", pads=[1] * 4), node("Relu", "c1", "r1"), node("GlobalAveragePool", "r1", "g1"),
        node("Conv", "right w2", "c2", strides=[2, 2]), node("Tanh", "c2", "r2"), node("GlobalAveragePool", "r2", "g2"),
        node("Flatten", "g1", "f1"), node("Flatten", "g2", "f2"), node("Concat", "f1 f2", "k", axis=1),
        node("Gemm", "k w3", "z"), node("Mul", "z z", "q"), node("Add", "z q", "y"),
    ]  # fmt: skip
    stated = inputs({"left": ["N", 3, 6, 7], "right": ["N", 1, *size]})
    return network(nodes, None, weights, inputs=stated), given(left=(2, 3, 6, 7), right=(2, 1, 9, 5))


def picture_and_table(rows="N", idle=False):
    """A picture whose features are scaled by columns of a table, which reach the scores by another way as well.

    idle: whether there is a third input, of which nothing but the shape is read.
    """
    weights = {"w1": draw(4, 1, 3, 3), "w2": draw(3, 4, seed=1), "b2": draw(4, seed=2), "w3": draw(7, 3, seed=3)}
    nodes = [
        node("Conv", "image w1", "c"), node("Relu", "c", "r"), node("GlobalMaxPool", "r", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "table w2 b2", "t"), node("Sigmoid", "t", "gate"), node("Mul", "f gate", "m"),
        node("Concat", "m table", "k", axis=1), node("MatMul", "k w3", "z"), node("Softmax", "z", "y"),
    ]  # fmt: skip
    shapes = {"image": [rows, 1, 6, 6], "table": [rows, 3]}
    if idle:
        nodes[-1:] = [node("Shape", "spare", "s"), node("ConstantOfShape", "s", "zeros"),
                      node("ReduceSum", "zeros", "none", keepdims=0), node("Add", "z none", "z2"),
                      node("Softmax", "z2", "y")]  # fmt: skip
        shapes["spare"] = [rows, 2]
    x = given(image=(3, 1, 6, 6), table=(3, 3))
    return network(nodes, None, weights, inputs=inputs(shapes)), x | ({"spare": draw(3, 2)} if idle else {})


def tokens_and_table():
    """Token ids, whose embeddings are averaged where a mask of the file's own lets them, and a table."""
    weights = {"words": draw(7, 4), "w1": draw(4, 5, seed=1), "w2": draw(8, 3, seed=2), "pad": np.array(0)}
    nodes = [
        node("Gather", "words ids", "e"), node("MatMul", "e w1", "h"), node("Tanh", "h", "a"),
        node("Equal", "ids pad", "is_pad"), node("Not", "is_pad", "seen"), node("Cast", "seen", "m", to=1),
        node("Unsqueeze", "m last", "m3"), node("Mul", "a m3", "am"), node("ReduceSum", "am one", "p", keepdims=0),
        node("Concat", "p table", "k", axis=1), node("Relu", "k", "rk"), node("MatMul", "rk w2", "y"),
    ]  # fmt: skip
    weights |= {"last": np.array([2]), "one": np.array([1])}
    stated = inputs({"ids": ["N", 5], "table": ["N", 3]}, {"ids": TensorProto.INT64})
    x = {"ids": np.array([[1, 2, 3, 0, 0], [6, 5, 4, 3, 2]]), "table": draw(2, 3, seed=5)}
    return network(nodes, None, weights, inputs=stated), x


def product():
    """y = [u · v, u · u] of two tables, whose gradients, averages and Shapley values are known."""
    nodes = [
        node("Mul", "u v", "p"), node("ReduceSum", "p one", "s"), node("Mul", "u u", "pp"),
        node("ReduceSum", "pp one", "t"), node("Concat", "s t", "y", axis=1),
    ]  # fmt: skip
    stated = inputs({"u": ["N", 4], "v": ["N", 4]})
    return network(nodes, None, {"one": np.array([1])}, inputs=stated), given(u=(2, 4), v=(2, 4))
