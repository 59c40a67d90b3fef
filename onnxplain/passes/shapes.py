"""Infer dtype and shape of every value, and write them into the graph.

onnx infers them from a proto of the graph, in which large weights have a dtype and a shape but no values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

from onnxplain.graph.inference import infer
from onnxplain.passes.export import export, unround

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx_graphsurgeon as gs

CLASSIFIERS = ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")
"""Operators of ai.onnx.ml whose outputs are a label and float scores."""

_FLOATS = ("Normalizer", "Scaler", "FeatureVectorizer", "LinearRegressor", "SVMRegressor", "TreeEnsembleRegressor")
"""Operators of ai.onnx.ml whose only output holds floats in single precision, whatever their input holds."""

_SHAPED_LIKE_INPUT = ("GroupNormalization", "RMSNormalization", "Imputer", "Scaler", "Normalizer")
"""Operators whose output has the shape of their input, which the inference of onnx does not always know."""

_SMALL = 4096  # elements; a constant that may be a shape keeps its values, so that shapes propagate through it


def shapes(graph: gs.Graph) -> int:
    """Infer dtypes and shapes, and write them into the graph; return for how many values this told something new."""
    learned = _infer(graph)
    while _same_shape(graph):
        learned += _infer(graph)
    return learned


def _same_shape(graph: gs.Graph) -> bool:
    """Fill in the shapes of `_SHAPED_LIKE_INPUT` that the inference left open; return whether there were any."""
    learned = False
    for node in graph.nodes:
        if node.op in _SHAPED_LIKE_INPUT and node.outputs[0].shape is None and node.inputs[0].shape is not None:
            value, own = node.outputs[0], node.op in _FLOATS
            value.shape, value.dtype = node.inputs[0].shape, np.dtype(np.float32) if own else node.inputs[0].dtype
            learned = True
    return learned


def _infer(graph: gs.Graph) -> int:
    """Run the inference of onnx once; return for how many values it told something new, 0 if it fails."""
    for node in graph.nodes:  # the inference of onnx does not know them all
        if node.domain == "ai.onnx.ml" and node.op in (*CLASSIFIERS, *_FLOATS):
            node.outputs[-1].dtype = np.dtype(np.float32)
    inferred = infer(_exported(graph))
    if inferred is None:  # what the file says of some value may be wrong
        told = [(value, value.dtype, value.shape) for value in _variables(graph)]
        for value, _, _ in told:
            value.dtype = value.shape = None
        inferred = infer(_exported(graph))
        if inferred is None:
            for value, dtype, shape in told:
                value.dtype, value.shape = dtype, shape
            return 0
    known = {each.name: each.type.tensor_type for each in (*inferred.graph.value_info, *inferred.graph.output)}
    return sum(_learn(value, known[value.name]) for value in _variables(graph) if value.name in known)


def _exported(graph: gs.Graph) -> onnx.ModelProto:
    """Return a proto to infer from; what operators of our own compute has the shape that `unround` gives it."""
    proto = export(graph, weights_over=_SMALL)
    unround(proto)
    return proto


def _variables(graph: gs.Graph) -> Iterator[gs.Variable]:
    for node in graph.nodes:
        yield from (value for value in node.outputs if value.name)


def _learn(value: gs.Variable, inferred: onnx.TypeProto.Tensor) -> bool:
    """Give a value the inferred dtype and shape; return whether this changed them."""
    before = value.dtype, value.shape
    if value.type != "tensor_type":
        return False
    if inferred.elem_type:
        value.dtype = _dtype(inferred.elem_type)
    if inferred.HasField("shape"):
        value.shape = [
            each.dim_value if each.HasField("dim_value") else each.dim_param or None for each in inferred.shape.dim
        ]
    return before != (value.dtype, value.shape)


def _dtype(elem_type: int) -> np.dtype[Any] | int:
    """Return the dtype of a type number of ONNX; bfloat16, which NumPy does not have, stays a number."""
    if elem_type == onnx.TensorProto.BFLOAT16:
        return elem_type
    known: np.dtype[Any] = helper.tensor_dtype_to_np_dtype(elem_type)
    return known
