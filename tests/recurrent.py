"""Networks of one recurrent layer, with random weights."""

from __future__ import annotations

import itertools

import numpy as np
from onnx import TensorProto, helper, numpy_helper

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}
STEPS, ROWS, FEATURES, HIDDEN, CLASSES = 4, 3, 2, 3, 2
OUTPUTS = {"Y": [2, 0, 1, 3], "Y_h": [1, 0, 2], "Y_c": [1, 0, 2]}
"""By output of a layer, the order of its axes that puts the rows first, in layout 0."""

SIDES = ("forward", "reverse", "bidirectional")
OWN = {
    "RNN": [{}],
    "GRU": [{}, {"linear_before_reset": 1}],
    "LSTM": [{}, {"peephole": True}, {"input_forget": 1}, {"peephole": True, "input_forget": 1}],
}
INPUTS = ({}, {"biased": False}, {"clip": 0.4}, {"start": True}, {"lens": (2, 4, 3), "start": True})
CASES = [
    (op, {"direction": side, **own, **more})
    for op, sets in OWN.items()
    for own, side, more in itertools.product(sets, SIDES, INPUTS)
    if not own or more in INPUTS[::4]
]
"""Operators with attributes and optional inputs."""


def _shapes(op, sides, turned, *, biased, start, peephole):
    """The inputs of a layer behind x, in order, and the shapes of those that are weights."""
    gates, state = GATES[op], (ROWS, sides, HIDDEN) if turned else (sides, ROWS, HIDDEN)
    return {
        "W": (sides, gates * HIDDEN, FEATURES),
        "R": (sides, gates * HIDDEN, HIDDEN),
        "B": (sides, 2 * gates * HIDDEN) if biased else None,
        "lens": None,
        "h0": state if start else None,
        "c0": state if start and op == "LSTM" else None,
        "P": (sides, 3 * HIDDEN) if peephole else None,
    }


def _read_out(read, turned):
    """The nodes that make the scores y of the outputs of a layer: rows first, flat, joined, and times the matrix D."""
    nodes, parts = [], [f"{name} flat" for name in read]
    for name in read:
        if not turned:
            nodes.append(helper.make_node("Transpose", [name], [f"{name} by row"], perm=OUTPUTS[name]))
        nodes.append(helper.make_node("Reshape", [name if turned else f"{name} by row", "flat"], [f"{name} flat"]))
    return [
        *nodes,
        helper.make_node("Concat", parts, ["all"], axis=1),
        helper.make_node("MatMul", ["all", "D"], ["y"]),
    ]


def layer(
    op,
    *,
    direction="forward",
    biased=True,
    lens=None,
    start=False,
    peephole=False,
    read=None,
    steps=STEPS,
    rows=None,
    seed=0,
    scale=0.7,
    **attrs,
):
    """A model x [T, N, I], or with layout 1 [N, T, I] -> scores [N, C], and an input for it.

    lens: lengths of the rows, or "given" where they are an input. start: whether it states the first states, which
    fixes the number of rows. read: the outputs of the layer that the scores are made of, all of them by default. rows:
    what the file says of their number.
    """
    rng, sides = np.random.default_rng(seed), 1 + (direction == "bidirectional")
    turned = attrs.get("layout", 0)
    given = _shapes(op, sides, turned, biased=biased, start=start, peephole=peephole)
    weights = {name: rng.normal(size=shape).astype("f") * scale for name, shape in given.items() if shape}
    if isinstance(lens, tuple):
        weights["lens"] = np.array(lens, np.int32)
    there = {*weights, "lens"} if lens else weights
    names = ["x", *(name if name in there else "" for name in given)]
    while not names[-1]:
        names.pop()
    known = ["Y", "Y_h", "Y_c"][: 3 if op == "LSTM" else 2]
    outputs, read = [name if name in (read or known) else "" for name in known], read or known
    nodes = [helper.make_node(op, names, outputs, "cell", hidden_size=HIDDEN, direction=direction, **attrs)]
    weights["flat"] = np.array([0, -1])
    weights["D"] = rng.normal(size=(sides * HIDDEN * sum(steps if n == "Y" else 1 for n in read), CLASSES)).astype("f")
    nodes += _read_out(read, turned)
    rows = ROWS if start or isinstance(lens, tuple) else rows or "N"
    inputs = {"x": _laid(rows, steps, turned)} | ({"lens": (rows,)} if lens == "given" else {})
    x = rng.normal(size=_laid(ROWS, STEPS if isinstance(steps, str) else steps, turned)).astype("f")
    return _model(nodes, weights, inputs, (rows, CLASSES)), x


def _laid(rows, steps, turned):
    """The shape of x."""
    return (rows, steps, FEATURES) if turned else (steps, rows, FEATURES)


def _model(nodes, weights, inputs, scores):
    """A model of inputs of these shapes, in float32 but for the lengths of the rows, and of one output y."""
    kinds = {"x": TensorProto.FLOAT, "lens": TensorProto.INT32}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, kinds[name], shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, scores)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
