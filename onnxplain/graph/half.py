"""Files in half precision: which of float16 and bfloat16 they hold, and the same file in float32.

Both types have 16 bits. float16 has 11 bits of precision and ends at 65504; bfloat16 has 8 and the range of float32.
Every number of either is one of float32 as well, so that a file in float32 has the same weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from onnxplain.graph.check import nodes_of, subgraphs
from onnxplain.graph.dependence import RANDOM
from onnxplain.graph.order import ordered
from onnxplain.graph.stored import tensors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DTYPE_ATTRIBUTES = (
    *("to", "dtype", "output_dtype", "precision", "softmax_precision"),
    *("stash_type", "output_datatype"),
)
"""Attributes whose value is the number of a type."""

_ROUNDED = "onnxplain.rounded."
"""Prefix of a node's name: the cast that rounds a constant in a file that is widened."""

_HALVES = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16"}


def halves(model: onnx.ModelProto) -> tuple[str, ...]:
    """Return the types of half precision that a file has in its inputs, outputs, tensors or casts: their names."""
    found = {each.type.tensor_type.elem_type for graph in _graphs(model) for each in (*graph.input, *graph.output)}
    found |= {tensor.data_type for tensor, _ in tensors_of(model)}
    found |= {each.i for node in _nodes(model) for each in node.attribute if each.name in DTYPE_ATTRIBUTES}
    return tuple(name for number, name in _HALVES.items() if number in found)


def half_inputs(model: onnx.ModelProto) -> dict[str, np.dtype[np.generic]]:
    """Return the types of the inputs in half precision by their names."""
    kinds = {each.name: each.type.tensor_type.elem_type for each in model.graph.input}
    return {name: helper.tensor_dtype_to_np_dtype(kind) for name, kind in kinds.items() if kind in _HALVES}


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of a file in which all that is in half precision is in float32.

    Constants that the file casts to half precision are rounded to it as before, so that the weights are the same.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _round_constants(copy.graph)
    kept = {node.name for node in copy.graph.node if node.name.startswith(_ROUNDED)}
    for tensor, _ in tensors_of(copy):
        if tensor.data_type in _HALVES:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for graph in _graphs(copy):
        del graph.value_info[:]
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type in _HALVES:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in _nodes(copy):
        for each in node.attribute:
            if each.name in DTYPE_ATTRIBUTES and each.i in _HALVES and node.name not in kept:
                each.i = TensorProto.FLOAT
    return copy


def _round_constants(graph: onnx.GraphProto) -> None:
    """Put before each cast of a constant to half precision one that stays, and so rounds it."""
    given = {each.name for each in graph.input}
    known = {"", *(each.name for each in graph.initializer if each.name not in given)}
    nodes = []
    for node in ordered(list(graph.node)):
        if known.issuperset(node.input) and node.op_type not in RANDOM and not any(True for _ in subgraphs(node)):
            known.update(node.output)
            kind = next((each.i for each in node.attribute if each.name == "to"), 0)
            if node.op_type == "Cast" and kind in _HALVES:
                name = f"{_ROUNDED}{node.output[0]}"
                nodes.append(helper.make_node("Cast", [node.input[0]], [name], name, to=kind))
                node.input[0] = name
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _graphs(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    """Return the graph of a model and all those within it."""
    return [model.graph, *(inner for node in nodes_of(model.graph.node) for inner in subgraphs(node))]


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield all nodes of a model: of its graphs and of its functions."""
    return nodes_of([*model.graph.node, *(node for each in model.functions for node in each.node)])
