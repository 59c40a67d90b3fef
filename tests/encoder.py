"""A small BERT-like classifier of random weights: two encoder layers, as PyTorch's exporters write them."""

from __future__ import annotations

import numpy as np
from nets import network, node
from onnx import TensorProto, helper

ROWS, TOKENS, WIDTH, HEADS, WORDS, CLASSES = 3, 5, 8, 2, 11, 3
IDS = np.random.default_rng(5).integers(0, WORDS, (ROWS, TOKENS))


def draw(seed, *shape):
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(shape[0])).astype("f")


def weights(layers=2):
    found = {
        "words": 3 * draw(1, WORDS, WIDTH),
        "positions": draw(2, 1, TOKENS, WIDTH),
        "head": draw(3, WIDTH, CLASSES),
    }
    for i in range(layers):
        shapes = {"q": (WIDTH,) * 2, "k": (WIDTH,) * 2, "v": (WIDTH,) * 2, "o": (WIDTH,) * 2, "up": (WIDTH, 12)}
        for j, (name, shape) in enumerate((shapes | {"down": (12, WIDTH)}).items()):
            found |= {f"{name}{i}": 1.5 * draw(10 * i + j, *shape), f"{name}{i}_bias": draw(10 * i + j + 70, shape[1])}
        for j, name in enumerate(("norm", "last")):
            found |= {f"{name}{i}": 1 + draw(10 * i + j + 30, WIDTH), f"{name}{i}_bias": draw(10 * i + j + 50, WIDTH)}
    return found


def layer(i, x):
    """The nodes of one encoder layer, as PyTorch's exporters write it; its output is n{i}."""

    def dense(name, of, to):
        return [node("MatMul", f"{of} {name}{i}", f"{to}.m{i}"), node("Add", f"{to}.m{i} {name}{i}_bias", f"{to}{i}")]

    def heads(of, to, perm):
        return [node("Reshape", f"{of}{i} split", f"{to}.r{i}"), node("Transpose", f"{to}.r{i}", f"{to}{i}", perm=perm)]

    return [
        *dense("q", x, "Q"), *dense("k", x, "K"), *dense("v", x, "V"),
        *heads("Q", "Qh", [0, 2, 1, 3]), *heads("K", "Kt", [0, 2, 3, 1]), *heads("V", "Vh", [0, 2, 1, 3]),
        node("MatMul", f"Qh{i} Kt{i}", f"P{i}"), node("Mul", f"P{i} scale", f"S.s{i}"),
        node("Add", f"S.s{i} hidden", f"S{i}"), node("Softmax", f"S{i}", f"A{i}", axis=-1),
        node("Dropout", f"A{i}", f"A.d{i}"), node("MatMul", f"A.d{i} Vh{i}", f"O{i}"),
        node("Transpose", f"O{i}", f"O.t{i}", perm=[0, 2, 1, 3]), node("Reshape", f"O.t{i} joined", f"C{i}"),
        *dense("o", f"C{i}", "D"), node("Add", f"D{i} {x}", f"s{i}"),
        node("LayerNormalization", f"s{i} norm{i} norm{i}_bias", f"m{i}", axis=-1),
        *dense("up", f"m{i}", "U"), node("Gelu", f"U{i}", f"G{i}", approximate="tanh"), *dense("down", f"G{i}", "F"),
        node("Add", f"F{i} m{i}", f"t{i}"),
        node("LayerNormalization", f"t{i} last{i} last{i}_bias", f"n{i}", axis=-1),
    ]  # fmt: skip


def bert(embedded=False):
    """Token ids [N, 5] -> scores [N, 3]; the last token is masked. embedded: from the embeddings [N, 5, 8] of ids."""
    nodes = [] if embedded else [node("Gather", "words ids", "e")]
    nodes += [node("Add", "e positions", "x"), *layer(0, "x"), *layer(1, "n0")]
    nodes += [node("Gather", "n1 first", "cls", axis=1)]
    nodes += [node("Tanh", "cls", "pooled"), node("MatMul", "pooled head", "y")]
    hidden = np.zeros((1, 1, 1, TOKENS), "f")
    hidden[..., -1] = -np.inf
    arrays = {
        "split": np.array([0, 0, HEADS, WIDTH // HEADS]), "joined": np.array([0, 0, WIDTH]), "first": np.array(0),
        "scale": np.array((WIDTH // HEADS) ** -0.5, "f"), "hidden": hidden,
    }  # fmt: skip
    x = helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", TOKENS])
    if embedded:
        x = helper.make_tensor_value_info("e", TensorProto.FLOAT, ["N", TOKENS, WIDTH])
    return network(nodes, None, weights() | arrays, inputs=[x], opset=20)
