"""Inference of types and shapes by onnx, kept from sizes at which it would not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from onnxplain.errors import BadInputError
from onnxplain.graph.check import nodes_of, subgraphs
from onnxplain.graph.crashing import crashes

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDE = 1 << 20
"""The length of the longest vector whose elements are followed. onnx makes a message for each, 0.2 s for so many."""


def infer(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return a copy of `model` with inferred types and shapes; None where onnx finds that they contradict each other.

    Shapes that a model computes are inferred too, which onnx does by following the elements of vectors. That is left
    out where a vector is so long that this would take all memory, or for ever: a file may state any length.
    """
    for node in nodes_of(model.graph.node):  # once more: the calls of functions that were inlined have values, too
        if why := crashes(node):
            raise BadInputError(f"{node.op_type} (node {node.name!r}) has {why}")
    try:
        plain = onnx.shape_inference.infer_shapes(model)
        wide = any(size > _WIDE for size in _lengths(plain.graph))
        return plain if wide else onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return None


def _lengths(graph: onnx.GraphProto) -> Iterator[int]:
    """Yield the lengths of all vectors of a graph and its subgraphs, as far as they are known."""
    graphs = [graph, *(inner for node in nodes_of(graph.node) for inner in subgraphs(node))]
    for each in graphs:
        for value in (*each.input, *each.output, *each.value_info):
            sizes = value.type.tensor_type.shape.dim
            if len(sizes) == 1:
                yield sizes[0].dim_value
        yield from (weight.dims[0] for weight in each.initializer if len(weight.dims) == 1)
