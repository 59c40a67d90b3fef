"""Models in float16, bfloat16 and float64 become float32 models.

Values, constants, and attributes that name a dtype are converted. A Cast between two float types then casts to the type
that its input has, and `identities` drops it.

Weights keep the values that the file gives them: where it casts a constant to half precision, the constant is rounded.
Computed values are not, because onnxruntime, too, computes half precision in float32 on a CPU. It leaves out most casts
between its nodes, and which ones depends on how it optimises the file.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto, helper

from onnxplain.graph.dependence import RANDOM
from onnxplain.graph.half import DTYPE_ATTRIBUTES
from onnxplain.graph.notes import note
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.compute import read_by
from onnxplain.passes.edit import is_float, is_onnx

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


def precision(graph: gs.Graph) -> int:
    """Convert all floats to float32; return how many values and attributes changed."""
    casts, constant = [node for node in graph.nodes if _to_half(node)], _constant_values(graph)
    rounded = [(node, _to_half(node)) for node in casts if id(node.outputs[0]) in constant]
    for node in casts:
        if id(node.outputs[0]) not in constant:
            note(node, "without its rounding, all being computed in float32")
    changed = convert_floats(graph, np.dtype(np.float32))
    for node, kind in rounded:
        _round(graph, node, kind)
    return changed


def _to_half(node: gs.Node) -> int:
    """Return the number of the type that a node casts to where that is one of half precision, else 0."""
    kind = node.attrs.get("to") if is_onnx(node, "Cast") else None
    if is_onnx(node, "CastLike") and (dtype := numpy_dtype(node.inputs[1])) is not None:
        kind = helper.np_dtype_to_tensor_dtype(dtype)
    return int(kind) if kind in (TensorProto.FLOAT16, TensorProto.BFLOAT16) else 0


def _constant_values(graph: gs.Graph) -> set[int]:
    """Return the ids of the computed values that depend on constants alone."""
    found: set[int] = set()
    for node in graph.nodes:
        if node.op not in RANDOM and all(
            isinstance(each, gs.Constant) or id(each) in found or each.is_empty() for each in read_by(node)
        ):
            found.update(map(id, node.outputs))
    return found


def _round(graph: gs.Graph, node: gs.Node, kind: int) -> None:
    """Let a cast of a constant, which has become one to float32, round it to the type of half precision before."""
    (value,) = node.outputs
    inner = gs.Variable(f"{value.name}/rounded", helper.tensor_dtype_to_np_dtype(kind))
    node.op, node.inputs, node.outputs, node.attrs = "Cast", node.inputs[:1], [inner], {"to": kind}
    back = gs.Node("Cast", f"{node.name}/float32", {"to": int(TensorProto.FLOAT)}, [inner], [value])
    graph.nodes.insert(next(i for i, each in enumerate(graph.nodes) if each is node) + 1, back)


def convert_floats(graph: gs.Graph, dtype: np.dtype[Any]) -> int:
    """Convert all floats of a graph and of its subgraphs to `dtype`; return how many values and attributes changed."""
    graphs = [graph, *graph.subgraphs(recursive=True)]
    nodes = [node for each in graphs for node in each.nodes]
    tensors = {id(value): value for each in graphs for value in (*each.inputs, *each.outputs)}
    tensors |= {id(value): value for node in nodes for value in (*node.inputs, *node.outputs)}
    changed = sum(_convert(value, dtype) for value in tensors.values())
    changed += sum(_convert_attributes(node, dtype) for node in nodes)
    if dtype != np.float32:
        _keep_resize_scales(graph)
    return changed


def _convert(value: gs.Tensor, dtype: np.dtype[Any]) -> bool:
    if not is_float(value) or numpy_dtype(value) == dtype:
        return False
    if isinstance(value, gs.Constant):
        value.values = value.values.astype(dtype)
        value.export_dtype = None  # export with the dtype of the values
        value.data_location = None
    else:
        value.dtype = dtype
    return True


def _convert_attributes(node: gs.Node, dtype: np.dtype[Any]) -> int:
    elem_type, changed = helper.np_dtype_to_tensor_dtype(dtype), 0
    for name, value in node.attrs.items():
        if isinstance(value, gs.Constant):
            # change a copy, because a copy of a graph shares the tensors in attributes with the original; copy without
            # reading the values, because graphsurgeon cannot export strings whose values were read
            node.attrs[name] = own = copy(value)
            changed += _convert(own, dtype)
            continue
        wanted = TensorProto.FLOAT if name == "stash_type" else elem_type  # ONNX allows no float64 there
        if name in DTYPE_ATTRIBUTES and isinstance(value, int) and value in _FLOATS and value != wanted:
            node.attrs[name] = wanted
            changed += 1
    return changed


def _keep_resize_scales(graph: gs.Graph) -> None:
    """Cast the scales of each Resize to float32, the only type that ONNX allows for them."""
    nodes = []
    for node in graph.nodes:
        if node.op == "Resize" and len(node.inputs) > 2 and node.inputs[2].name:
            scales = node.inputs[2]
            exact = gs.Variable(f"{node.name}/scales_float32", np.dtype(np.float32))
            nodes.append(gs.Node("Cast", exact.name, {"to": TensorProto.FLOAT}, [scales], [exact]))
            node.inputs[2] = exact
        nodes.append(node)
    graph.nodes = nodes
