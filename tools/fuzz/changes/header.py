"""Beside the graph: versions, domains, outputs and inputs of the model, metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

from changes import STRANGE, kind, pick

if TYPE_CHECKING:
    import numpy as np
    import onnx


@kind
def opset(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Import another version of ONNX's operators, mostly one that there is."""
    own = [each for each in model.opset_import if each.domain == ""]
    if not own:
        return False
    own[0].version = pick(rng, (*range(7, 27), *range(7, 27), 0, 1, 6, -1, 2**31, 2**62))
    return True


@kind
def imports(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop an import, state it twice, or import a domain that no node is of."""
    how = rng.integers(4)
    if how == 0 and model.opset_import:
        del model.opset_import[int(rng.integers(len(model.opset_import)))]
    elif how == 1:
        model.opset_import.append(helper.make_opsetid("", pick(rng, (7, 11, 18, 24))))
    elif how == 2:
        model.opset_import.append(helper.make_opsetid("ai.onnx", pick(rng, (7, 11, 18, 24))))
    else:
        model.opset_import.append(helper.make_opsetid(pick(rng, ("com.microsoft", "ai.onnx.ml", *STRANGE)), 1))
    return True


@kind
def ir_version(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State another version of the format."""
    model.ir_version = pick(rng, (0, 1, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14, 99, -1))
    return True


@kind
def outputs(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Make an output of a value between or of an input, drop an output, or name one twice."""
    graph, how = model.graph, rng.integers(5)
    made = [name for node in graph.node for name in node.output if name]
    if how == 0 and made:
        graph.output.append(helper.make_empty_tensor_value_info(pick(rng, made)))
    elif how == 1 and made:
        graph.output.insert(0, helper.make_tensor_value_info(pick(rng, made), TensorProto.FLOAT, None))
    elif how == 2 and graph.input:
        graph.output.append(graph.input[0])
    elif how == 3 and graph.output:
        del graph.output[int(rng.integers(len(graph.output)))]
    elif graph.output:
        graph.output.append(pick(rng, graph.output))
    return True


@kind
def inner_output(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Make a value between the only output."""
    made = [name for node in model.graph.node for name in node.output if name]
    if not made:
        return False
    del model.graph.output[:]
    model.graph.output.append(helper.make_empty_tensor_value_info(pick(rng, made)))
    if rng.random() < 0.5:
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return True


@kind
def inputs(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop an input, name one twice, or add one that no node reads or that is read beside the first."""
    graph, how = model.graph, rng.integers(4)
    if how == 0 and graph.input:
        del graph.input[int(rng.integers(len(graph.input)))]
    elif how == 1 and graph.input:
        graph.input.append(pick(rng, graph.input))
    elif how == 2 or not graph.input:
        graph.input.append(helper.make_tensor_value_info("unread", TensorProto.FLOAT, ["N", 2]))
    else:
        graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1]))
        old = graph.input[0].name
        for node in graph.node:
            for i, name in enumerate(node.input):
                if name == old:
                    node.input[i] = "first_and_second"
        graph.node.insert(0, helper.make_node("Add", [old, "second"], ["first_and_second"]))
    return True


@kind
def texts(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Write strange texts where no number depends on them."""
    model.producer_name = pick(rng, STRANGE)
    model.graph.doc_string = pick(rng, STRANGE)
    model.graph.name = pick(rng, STRANGE)
    model.domain = pick(rng, STRANGE)
    for _ in range(int(rng.integers(3))):
        model.metadata_props.add(key=pick(rng, STRANGE), value=pick(rng, STRANGE))
    pick(rng, model.graph.node).doc_string = pick(rng, STRANGE)
    return True
