"""What only constants decide becomes a constant, computed by onnxruntime.

    Constant nodes, any deterministic node all of whose inputs are constants, Loop and Scan included,
    quantised weights behind DequantizeLinear

A node that would turn small constants into a large one (Expand, Tile, ConstantOfShape) stays as it is, and so does a
DequantizeLinear of weights that meet dequantised activations: the runtime computes that node in integers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper, numpy_helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from onnxplain.graph.runtime import onnxruntime
from onnxplain.passes.edit import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGE = 1 << 18  # elements
_SHAPE = 64  # elements; a constant of at most so many may be a shape
_EXPANDING = ("ConstantOfShape", "Expand", "Tile", "Pad", "Range", "Resize", "EyeLike", "OneHot")
_RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
)
_VALUES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def constants(graph: gs.Graph) -> int:
    """Turn what is constant into constants; return how many nodes went."""
    changed = sum(constants(each) for node in graph.nodes for each in node.subgraphs())
    nodes = []
    for node in graph.nodes:
        results = _lower(node) or _fold(node, graph)
        if results is None:
            nodes.append(node)
            continue
        changed += 1
        for value, result in zip(list(node.outputs), results, strict=True):
            value.inputs.clear()
            if value.name:
                value.to_constant(result)
        node.inputs.clear()
    graph.nodes = nodes
    return changed


def _lower(node: gs.Node) -> list[Any] | None:
    """Value of a Constant node, still packed if it is a tensor; None for anything else."""
    if not is_onnx(node, "Constant") or len(node.attrs) != 1:
        return None
    ((name, value),) = node.attrs.items()
    if isinstance(value, gs.Constant):
        return [value._values]  # noqa: SLF001  # the packed form, which is not public
    return [np.array(value, _VALUES[name])] if name in _VALUES else None


def _fold(node: gs.Node, graph: gs.Graph) -> list[Any] | None:
    given = {value.name: value for value in _read_by(node) if value.name}
    foldable = all(isinstance(value, gs.Constant) and value.dtype != object for value in given.values())
    if not foldable or not node.outputs or node.op in _RANDOM or is_onnx(node, "Constant") or _meets_integers(node):
        return None
    return _run(node, given, graph)


def _meets_integers(node: gs.Node) -> bool:
    """Whether a DequantizeLinear of weights feeds a node whose activations are dequantised too."""
    if node.op != "DequantizeLinear":
        return False
    beside = [value for user in node.outputs[0].outputs for value in user.inputs]
    makers = [maker for value in beside for maker in value.inputs if maker.op == "DequantizeLinear"]
    return any(isinstance(maker.inputs[0], gs.Variable) for maker in makers)


def _read_by(node: gs.Node) -> Iterator[gs.Tensor]:
    yield from node.inputs
    for graph in node.subgraphs():
        yield from graph._foreign_tensors().values()  # noqa: SLF001  # graphsurgeon has no public name for it


def _run(node: gs.Node, given: dict[str, gs.Constant], graph: gs.Graph) -> list[Any] | None:
    arrays = {name: np.asarray(value.values) for name, value in given.items()}
    model = _model(node, arrays, graph)
    if node.op in _EXPANDING and _size(node, arrays, graph) > _LARGE:
        return None
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = iter(session.run(None, arrays))
    except Exception:  # noqa: BLE001  # what the runtime cannot compute stays a node, and is reported with its name
        return None
    values = [next(results) if value.name else None for value in node.outputs]
    return values if all(value is None or isinstance(value, np.ndarray) for value in values) else None


def _model(node: gs.Node, arrays: dict[str, Any], graph: gs.Graph) -> onnx.ModelProto:
    """A model of this node alone; its constants are inputs, so that large ones are not serialised."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in arrays.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(value.name) for value in node.outputs if value.name]
    proto = helper.make_graph([OnnxExporter.export_node(node)], "constant", inputs, outputs)
    return helper.make_model(proto, opset_imports=graph.import_domains, ir_version=10)


def _size(node: gs.Node, arrays: dict[str, Any], graph: gs.Graph) -> float:
    """Elements of the first output, found without computing it."""
    model = _model(node, arrays, graph)
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items() if array.size <= _SHAPE
    )
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output[0].type.tensor_type
    known = inferred.HasField("shape") and all(each.HasField("dim_value") for each in inferred.shape.dim)
    return math.prod(each.dim_value for each in inferred.shape.dim) if known else math.inf
