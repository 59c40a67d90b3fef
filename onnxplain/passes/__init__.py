"""Passes: graph in, graph out, output unchanged. They end what no rule should see.

A pass is a function `name(graph) -> int` in the file of its name: it edits the graph in place and returns how
many places it changed; its file lists its cases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx_graphsurgeon.ir.tensor import LazyValues
from onnx_graphsurgeon.logger import G_LOGGER

from onnxplain.errors import UsageError
from onnxplain.graph.load import input_names
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.graph.upgrade import upgrade_apart
from onnxplain.ops import find_op
from onnxplain.passes.arithmetic import arithmetic
from onnxplain.passes.branches import branches
from onnxplain.passes.canonical import Canonical
from onnxplain.passes.constants import constants
from onnxplain.passes.dimensions import dimensions
from onnxplain.passes.edit import is_float
from onnxplain.passes.expand_functions import expand
from onnxplain.passes.export import attach_weights, copy, detach_weights, double, export
from onnxplain.passes.fold_affine import fold_affine
from onnxplain.passes.fold_batchnorm import fold_batchnorm
from onnxplain.passes.fold_pad import fold_pad
from onnxplain.passes.fuse_activations import fuse_activations
from onnxplain.passes.fuse_layernorm import fuse_layernorm
from onnxplain.passes.fuse_softmax import fuse_softmax
from onnxplain.passes.gemm import gemm
from onnxplain.passes.head import Head, choose, cut_head
from onnxplain.passes.identities import identities
from onnxplain.passes.ml import ml
from onnxplain.passes.names import names
from onnxplain.passes.pipeline import Pipeline
from onnxplain.passes.precision import precision
from onnxplain.passes.row_softmax import row_softmax
from onnxplain.passes.shapes import shapes
from onnxplain.passes.split import split
from onnxplain.passes.unused import unused
from onnxplain.passes.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    import onnx

__all__ = ["Canonical", "attach_weights", "canonicalise", "detach_weights", "double", "expanded", "export", "verify"]


def expand_unknown(graph: gs.Graph) -> int:
    """Expand the float nodes that have no facts but a function body."""
    return expand(
        graph, lambda node: find_op(node.domain, node.op) is None and any(is_float(value) for value in node.outputs)
    )


_READ = (names, precision, shapes, row_softmax, unused)
_FOLD = (branches, constants, shapes, dimensions, row_softmax)
_SIMPLIFY = (
    *(identities, unused, ml, split, arithmetic, constants, shapes),
    *(fuse_activations, fuse_layernorm, fuse_softmax, shapes, gemm, unused),
)
_TIDY = (arithmetic, constants, identities, shapes, unused)
_ABSORB = (fold_batchnorm, fold_affine, fold_pad, shapes, expand_unknown, *_TIDY)


def canonicalise(
    proto: onnx.ModelProto,
    *,
    output: str | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Canonical:
    """Bring a model into the form that the rules walk; the proto is not changed.

    output: name of the output to explain, where another than `head` chooses; fixed: values of inputs that are
    settings (a sampling rate), so that what they decide is folded.
    Raises `UnsupportedModelError` where the model cannot be converted or holds no scores.
    """
    fixed = {} if fixed is None else fixed
    with _quiet():
        graph = _import(*upgrade_apart(proto), fixed)
        pipeline = Pipeline(graph)
        pipeline.apply(_READ)
        head = cut_head(graph, choose(graph, output))
        while pipeline.apply(_FOLD):
            pass
        pipeline.apply(_SIMPLIFY)
        head = _cut_again(pipeline, head)
        pipeline.apply(_ABSORB)
    found = (head.scores, head.cut, head.output, head.models)
    return Canonical(graph, tuple(pipeline.applied), *found, fixed, input_names(proto))


def expanded(graph: gs.Graph, wanted: Callable[[gs.Node], bool]) -> gs.Graph:
    """A copy of a canonical graph with the wanted operators in primitive steps, or the graph itself if it has none."""
    if not any(wanted(node) for node in graph.nodes):
        return graph
    with _quiet():
        result = copy(graph)
        expand(result, wanted)
        Pipeline(result).apply(_TIDY)
    return result


def _import(model: onnx.ModelProto, weights: Iterable[onnx.TensorProto], fixed: Mapping[str, Any]) -> gs.Graph:
    graph = gs.import_onnx(model)
    inputs = {value.name: value for value in graph.inputs}
    for weight in weights:
        inputs.pop(weight.name).to_constant(_values(weight))
    graph.inputs = list(inputs.values())
    if missing := fixed.keys() - inputs.keys():
        raise UsageError(f"the model has no input {min(missing)!r}; its inputs are {', '.join(inputs)}")
    for name, given in fixed.items():
        inputs[name].to_constant(np.array(given, numpy_dtype(inputs[name])))
    graph.inputs = [value for value in graph.inputs if value.name not in fixed]
    for value in graph.outputs:
        if (
            isinstance(value, gs.Variable) and value.type != "tensor_type"
        ):  # the graph library cannot write the type of a map; runtimes infer it
            value.dtype = None
    return graph


def _values(weight: onnx.TensorProto) -> Any:
    """An array, or what stays packed because NumPy has no type for it. What is packed keeps its model in memory."""
    packed = LazyValues(weight)
    return packed if isinstance(packed.dtype, int) else packed.load()


def _cut_again(pipeline: Pipeline, head: Head) -> Head:
    """Cut what only the passes brought to light: a classifier's own Softmax, one that was written out."""
    inner = cut_head(pipeline.graph, pipeline.graph.outputs[0])
    pipeline.applied.append(("head", len(head.cut) + len(inner.cut)))
    pipeline.apply((unused,))
    return inner.after(head)


def _quiet() -> AbstractContextManager[None]:
    """Silence the graph library: it prints to stdout, where the data goes."""
    silence: AbstractContextManager[None] = G_LOGGER.suppress()
    return silence
