"""Bodies and functions: a node put into an If, a Loop, a Scan or a local function, which reads values from outside."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from changes import kind, pick


def _taken(model: onnx.ModelProto, rng: np.random.Generator) -> tuple[int, onnx.NodeProto] | None:
    """Take a node with one output out of the graph; return its position and the node, None where there is none."""
    found = [i for i, node in enumerate(model.graph.node) if len(node.output) == 1 and node.output[0] and node.input]
    if not found:
        return None
    i, node = pick(rng, found), onnx.NodeProto()
    node.CopyFrom(model.graph.node[i])
    del model.graph.node[i]
    return i, node


def _body(name: str, nodes: list[onnx.NodeProto], inputs: list[str], outputs: list[str]) -> onnx.GraphProto:
    values = [
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in names] for names in (inputs, outputs)
    ]
    return helper.make_graph(nodes, name, *values)


def _constant(model: onnx.ModelProto, name: str, value: np.ndarray) -> str:
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


@kind
def in_if(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a node into a branch of an If; the other one passes the input on, or does the same and one thing more."""
    if (taken := _taken(model, rng)) is None:
        return False
    i, node = taken
    out, nodes = node.output[0], []
    node.output[0] = f"{out}_then"
    other = [helper.make_node("Identity", [node.input[0]], [f"{out}_else"])]
    if rng.random() < 0.5:
        again = onnx.NodeProto()
        again.CopyFrom(node)
        again.output[0] = f"{out}_once"
        other = [again, helper.make_node("Tanh", [f"{out}_once"], [f"{out}_else"])]
    how = rng.random()
    if how < 0.5:
        condition = _constant(model, f"{out}_condition", np.array(bool(rng.integers(2))))
    else:
        condition = f"{out}_condition"
        size = helper.make_node("Size", [node.input[0]], [f"{out}_size"])
        least = _constant(model, f"{out}_least", np.array(4, np.int64))
        nodes = [size, helper.make_node("Greater", [f"{out}_size", least], [condition])]
    branches = {
        "then_branch": _body("then", [node], [], [f"{out}_then"]),
        "else_branch": _body("else", other, [], [f"{out}_else"]),
    }
    nodes.append(helper.make_node("If", [condition], [out], name=node.name, **branches))
    for each in reversed(nodes):
        model.graph.node.insert(i, each)
    return True


@kind
def in_loop(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a node into the body of a Loop, which runs once, not at all, or often over what it made last."""
    if (taken := _taken(model, rng)) is None:
        return False
    i, node = taken
    out, first = node.output[0], node.input[0]
    node.output[0] = f"{out}_made"
    if rng.random() < 0.7:
        node.input[0] = f"{out}_state"
    go = "go" if rng.random() < 0.2 else "going"
    body = _body(
        "body",
        [helper.make_node("Identity", [go if go == "going" else "true"], ["go_on"]), node],
        ["step", "going", f"{out}_state"],
        ["go_on", f"{out}_made"],
    )
    body.input[0].type.tensor_type.elem_type = TensorProto.INT64
    body.input[1].type.tensor_type.elem_type = TensorProto.BOOL
    body.output[0].type.tensor_type.elem_type = TensorProto.BOOL
    times = _constant(model, f"{out}_times", np.array(pick(rng, (1, 1, 2, 3, 0, -1, 2**62)), np.int64))
    true = _constant(model, "true", np.array(True))
    model.graph.node.insert(i, helper.make_node("Loop", [times, true, first], [out], name=node.name, body=body))
    return True


@kind
def in_scan(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a node into the body of a Scan over the rows, or over the second axis."""
    if (taken := _taken(model, rng)) is None:
        return False
    i, node = taken
    out, first = node.output[0], node.input[0]
    node.input[0], node.output[0] = f"{out}_row", f"{out}_made"
    body = _body("body", [node], [f"{out}_row"], [f"{out}_made"])
    axes = {} if rng.random() < 0.6 else {"scan_input_axes": [1], "scan_output_axes": [1]}
    scan = helper.make_node("Scan", [first], [out], name=node.name, body=body, num_scan_inputs=1, **axes)
    model.graph.node.insert(i, scan)
    return True


@kind
def in_function(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put a node into a function of the model, of the same opset or another, with an attribute of its own or not."""
    if (taken := _taken(model, rng)) is None:
        return False
    i, node = taken
    given = list(dict.fromkeys(name for name in node.input if name))
    call = helper.make_node("Made", given, list(node.output), name=node.name, domain="local")
    names = []
    ints = [each for each in node.attribute if each.type == onnx.AttributeProto.INT]
    if ints and rng.random() < 0.5:
        each = pick(rng, ints)
        call.attribute.append(each)
        each.ref_attr_name = each.name
        each.ClearField("i")
        names = [each.name]
    imports = [onnx.helper.make_opsetid(each.domain, each.version) for each in model.opset_import]
    if rng.random() < 0.3:
        imports = [helper.make_opsetid("", pick(rng, (7, 11, 13, 18, 21, 24)))]
    nodes = [node]
    if rng.random() < 0.05:  # one that calls itself
        nodes.append(helper.make_node("Made", given, ["never"], domain="local"))
        imports.append(helper.make_opsetid("local", 1))
    made = helper.make_function("local", "Made", given, list(node.output), nodes, imports, names)
    model.functions.append(made)
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.ir_version = max(model.ir_version, 8)
    model.graph.node.insert(i, call)
    return True


@kind
def function_of_an_operator(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give the model a function with the name of an operator of ONNX: onnxruntime and onnx take it for the node."""
    found = [node for node in model.graph.node if len(node.input) == 1 and len(node.output) == 1]
    if not found:
        return False
    node = pick(rng, found)
    inside = helper.make_node(pick(rng, ("Tanh", "Relu", "Neg")), ["a"], ["b"])
    imports = [helper.make_opsetid(each.domain, each.version) for each in model.opset_import]
    names = [each.name for each in node.attribute]
    model.functions.append(helper.make_function(node.domain, node.op_type, ["a"], ["b"], [inside], imports, names))
    model.ir_version = max(model.ir_version, 8)
    return True


@kind
def no_body(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Break a body: empty it, drop an input or an output of it, or let it make nothing."""
    graphs = [each.g for node in model.graph.node for each in node.attribute if each.HasField("g")]
    if not graphs:
        return False
    graph, how = pick(rng, graphs), rng.integers(4)
    if how == 0:
        graph.Clear()
    elif how == 1 and graph.input:
        del graph.input[int(rng.integers(len(graph.input)))]
    elif how == 2 and graph.output:
        del graph.output[int(rng.integers(len(graph.output)))]
    elif graph.node:
        del graph.node[int(rng.integers(len(graph.node)))]
    return True
