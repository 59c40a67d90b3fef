"""Nodes: dropped, skipped, doubled, out of order, of another operator or domain, with strange names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from changes import STRANGE, kind, pick

if TYPE_CHECKING:
    import numpy as np

LIKE = (
    ("Relu", "Tanh", "Sigmoid", "Softplus", "Abs", "Neg", "Exp", "Elu", "Sin", "Sign", "Floor", "Erf", "Identity"),
    ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Mean", "Sum", "MatMul", "PRelu", "Mod"),
    ("MaxPool", "AveragePool", "LpPool"),
    ("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"),
    ("Softmax", "LogSoftmax", "Hardmax", "Flatten", "LpNormalization"),
    ("Conv", "ConvTranspose", "ConvInteger"),
    ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd", "ReduceLogSumExp"),
    ("ArgMax", "ArgMin"),
    ("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor"),
    ("Squeeze", "Unsqueeze", "ReduceSum"),
    ("Floor", "Ceil", "Round", "Sqrt", "Log", "Reciprocal", "Not", "IsNaN", "Sign"),
)
"""Operators that take the same number of inputs."""


@kind
def dropped(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop a node; what read it reads nothing."""
    del model.graph.node[int(rng.integers(len(model.graph.node)))]
    return True


@kind
def skipped(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop a node; what read it reads the node's first input."""
    found = [i for i, node in enumerate(model.graph.node) if node.input and node.output and node.input[0]]
    if not found or len(model.graph.node) < 2:
        return False
    i = pick(rng, found)
    old, new = model.graph.node[i].output[0], model.graph.node[i].input[0]
    del model.graph.node[i]
    for node in model.graph.node:
        for j, name in enumerate(node.input):
            if name == old:
                node.input[j] = new
    for value in model.graph.output:
        if value.name == old:
            value.name = new
    return True


@kind
def doubled(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a second copy of a node into the graph; it writes the same values, or others of its own that are read."""
    i = int(rng.integers(len(model.graph.node)))
    again = onnx.NodeProto()
    again.CopyFrom(model.graph.node[i])
    if rng.random() < 0.6 and again.input and again.output:
        again.output[0] += "_again"
        again.input[0] = model.graph.node[i].output[0]
        for node in list(model.graph.node)[i + 1 :]:
            for j, name in enumerate(node.input):
                if name == again.input[0]:
                    node.input[j] = again.output[0]
    model.graph.node.insert(i + 1, again)
    return True


@kind
def moved(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Change the order of the nodes: two change places, or all stand the other way round."""
    nodes = list(model.graph.node)
    if len(nodes) < 2:
        return False
    i, j = map(int, rng.integers(len(nodes), size=2))
    nodes[i], nodes[j] = nodes[j], nodes[i]
    if rng.random() < 0.3:
        nodes.reverse()
    copies = [node.SerializeToString() for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(onnx.NodeProto.FromString(each) for each in copies)
    return i != j


@kind
def operator(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put another operator in the place of a node's, mostly one that takes as many inputs."""
    node = pick(rng, model.graph.node)
    alike = [group for group in LIKE if node.op_type in group]
    if alike and rng.random() < 0.9:
        node.op_type = pick(rng, pick(rng, alike))
    else:
        node.op_type = pick(rng, (*pick(rng, LIKE), "Nonsense", "", "relu", "FusedConv", "LSTM", "If", "Loop"))
    return True


@kind
def domain(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give a node another domain, with or without an import of it."""
    name = pick(rng, ("ai.onnx", "com.microsoft", "ai.onnx.ml", "nowhere", "ai.onnx.preview.training", *STRANGE))
    pick(rng, model.graph.node).domain = name
    if rng.random() < 0.5:
        model.opset_import.append(onnx.helper.make_opsetid(name, pick(rng, (1, 2, 18, 24))))
    return True


@kind
def name(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give a node a strange name, or all nodes the same."""
    chosen = pick(rng, STRANGE)
    for node in model.graph.node if rng.random() < 0.3 else [pick(rng, model.graph.node)]:
        node.name = chosen
    return True


@kind
def outputs(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give a node one output more, one less, or an empty or a doubled one."""
    node = pick(rng, model.graph.node)
    how = rng.integers(4)
    if how == 0 or not node.output:
        node.output.append("one_more")
    elif how == 1:
        del node.output[-1]
    elif how == 2:
        node.output[int(rng.integers(len(node.output)))] = ""
    else:
        node.output.append(node.output[0])
    return True


@kind
def long(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a few hundred nodes in a row in front of what a node reads."""
    found = [node for node in model.graph.node if node.input and node.input[0]]
    if not found:
        return False
    node = pick(rng, found)
    i = next(i for i, each in enumerate(model.graph.node) if each is node or each == node)
    names = [node.input[0], *(f"row_{j}" for j in range(300))]
    op = pick(rng, ("Identity", "Tanh", "Relu"))
    node.input[0] = names[-1]
    for a, b in zip(names[-2::-1], names[::-1], strict=False):
        model.graph.node.insert(i, onnx.helper.make_node(op, [a], [b]))
    return True
