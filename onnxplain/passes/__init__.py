"""Passes: they simplify the graph of a model without changing what it computes.

ONNX files write the same computation in many ways. The passes reduce these to a few forms, so that the propagation
rules, which walk the graph from the score back to the input, need to know only those few.

A pass is a function `name(graph) -> int` in the file of the same name. It edits the graph in place and returns how many
places it changed. The docstring of the file lists the cases that the pass handles. In these docstrings a value is any
tensor of the graph, a constant is a value whose elements are stored in the graph, and a computed value is any other.
`A -> B` stands for a node B that reads the output of a node A.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx.numpy_helper import to_array
from onnx_graphsurgeon.ir.tensor import LazyValues
from onnx_graphsurgeon.logger import G_LOGGER

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.graph.half import half_inputs, halves
from onnxplain.graph.load import input_names
from onnxplain.graph.notes import gather
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.graph.upgrade import upgrade_apart
from onnxplain.ops import find_op
from onnxplain.ops.left_out import EXPANDED, LEFT_OUT
from onnxplain.passes.arithmetic import arithmetic
from onnxplain.passes.branches import branches
from onnxplain.passes.canonical import Canonical
from onnxplain.passes.compute import check_values
from onnxplain.passes.constants import constants
from onnxplain.passes.contractions import contractions
from onnxplain.passes.contrib import contrib
from onnxplain.passes.dimensions import dimensions
from onnxplain.passes.edit import is_float, is_onnx
from onnxplain.passes.expand_functions import expand
from onnxplain.passes.export import attach_weights, copy, detach_weights, double, export
from onnxplain.passes.fold_affine import fold_affine
from onnxplain.passes.fold_batchnorm import fold_batchnorm
from onnxplain.passes.fold_pad import fold_pad
from onnxplain.passes.fuse_activations import fuse_activations
from onnxplain.passes.fuse_layernorm import fuse_layernorm
from onnxplain.passes.fuse_softmax import fuse_softmax
from onnxplain.passes.gemm import gemm
from onnxplain.passes.guard import guarded
from onnxplain.passes.head import Head, cut_head
from onnxplain.passes.identities import identities
from onnxplain.passes.imputed import imputed
from onnxplain.passes.loops import loops
from onnxplain.passes.ml import ml
from onnxplain.passes.ml_svm import ml_svm
from onnxplain.passes.ml_trees import ml_trees
from onnxplain.passes.names import names
from onnxplain.passes.one_lookup import one_lookup
from onnxplain.passes.outputs import choose, left_out
from onnxplain.passes.pad_axes import pad_axes
from onnxplain.passes.pipeline import Pipeline
from onnxplain.passes.precision import precision
from onnxplain.passes.quantised import float_scores, quantised
from onnxplain.passes.range_scalars import range_scalars
from onnxplain.passes.recurrent import recurrent
from onnxplain.passes.row_softmax import row_softmax
from onnxplain.passes.scans import scans
from onnxplain.passes.shapes import shapes
from onnxplain.passes.split import split
from onnxplain.passes.stacked import stacked
from onnxplain.passes.turned_lookups import turned_lookups
from onnxplain.passes.unused import unused
from onnxplain.passes.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    import onnx

__all__ = [
    "Canonical",
    "attach_weights",
    "canonicalise",
    "detach_weights",
    "double",
    "expanded",
    "export",
    "stepwise",
    "verify",
]


def expand_unknown(graph: gs.Graph) -> int:
    """Expand float nodes of operators that have no facts in `onnxplain.ops`, but a definition by simpler operators."""
    return expand(graph, _expands)


def _expands(node: gs.Node) -> bool:
    unknown = find_op(node.domain, node.op) is None and any(is_float(value) for value in node.outputs)
    return unknown and (node.op in EXPANDED or node.op not in LEFT_OUT)


# `canonicalise` applies these groups in the order in which they stand here. It cuts off the head after _READ, repeats
# _FOLD until nothing changes, since a folded constant may decide a branch, and looks for a head again after _SIMPLIFY.
# _TIDY cleans up after operators were expanded.
_READ = (names, precision, shapes, contrib, shapes, row_softmax, unused)
_FOLD = (branches, range_scalars, constants, contrib, shapes, dimensions, row_softmax)
_SIMPLIFY = (
    *(
        pad_axes,
        identities,
        turned_lookups,
        stacked,
        unused,
        ml_trees,
        ml_svm,
        shapes,
        ml,
        shapes,
        imputed,
        split,
        contractions,
    ),
    *(arithmetic, constants, shapes),
    *(fuse_activations, fuse_layernorm, fuse_softmax, shapes, gemm, unused),
)
_TIDY = (branches, split, arithmetic, constants, pad_axes, identities, shapes, unused)
_ABSORB = (one_lookup, fold_batchnorm, fold_affine, fold_pad, shapes, expand_unknown, *_TIDY)


def canonicalise(
    proto: onnx.ModelProto,
    *,
    output: str | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Canonical:
    """Return the canonical graph of a model, the form that the rules walk; `proto` is not changed.

    output: name of the output to explain; without it, `outputs.choose` chooses one.
    fixed: values, by name, of inputs that are settings, such as a sampling rate. These inputs become constants, and
    what depends on constants alone is computed once, here.
    Raises `UnsupportedModelError` where the model cannot be converted or has no float scores, `BadInputError` where it
    is beyond the limits that hold, and `UsageError` where `output` or `fixed` has a name that the model does not know.
    """
    fixed = {} if fixed is None else fixed
    with _quiet(), guarded("reading its graph"), gather() as walked:
        graph = _import(*upgrade_apart(proto), fixed)
        pipeline = Pipeline(graph)
        pipeline.apply(_READ)
        chosen = choose(graph, output)
        others = left_out(graph, chosen)
        head = cut_head(graph, float_scores(graph, chosen))
        while pipeline.apply(_FOLD):
            pass
        pipeline.apply((shapes, quantised, *_SIMPLIFY))
        head = _cut_again(pipeline, head)
        pipeline.apply(_ABSORB)
    _check_inputs(graph)
    check_values(graph)
    found = (head.scores, head.cut, head.output, head.models)
    given = tuple(pipeline.applied), *found, fixed, input_names(proto), others
    return Canonical(graph, *given, walked=tuple(walked), halves=halves(proto), half_inputs=half_inputs(proto))


def stepwise(canonical: Canonical) -> Canonical:
    """Return the canonical model with its recurrent nodes as Scans that can be walked.

    Where the rows lie is found before: it is known of the operators as the file has them. A Loop or a Scan that cannot
    be brought to the form stays as it is.
    """
    if not any(is_onnx(node, "Loop", "Scan", "RNN", "GRU", "LSTM") for node in canonical.graph.nodes):
        return canonical
    try:
        return _stepwise(canonical, (_loops, recurrent))
    except UnsupportedModelError:  # whoever walks the node learns that there is no rule for it
        return _stepwise(canonical, (recurrent,))


def _stepwise(canonical: Canonical, passes: tuple[Callable[[gs.Graph], int], ...]) -> Canonical:
    with _quiet(), guarded("writing its recurrent layers step by step"), gather() as walked:
        pipeline = Pipeline(copy(canonical.graph))
        if not pipeline.apply(passes):
            return canonical
        pipeline.apply((*_TIDY, scans, shapes))
    walked.update(dict.fromkeys(canonical.walked))
    applied = (*canonical.applied, *pipeline.applied)
    return replace(canonical, graph=pipeline.graph, applied=applied, walked=tuple(walked))


def _loops(graph: gs.Graph) -> int:
    """Apply `loops`, which hands the bodies to the passes that simplify a graph."""
    return loops(graph, lambda body: bool(Pipeline(body).apply((shapes, contrib, *_SIMPLIFY, expand_unknown, *_TIDY))))


def expanded(graph: gs.Graph, wanted: Callable[[gs.Node], bool]) -> gs.Graph:
    """Return a copy of a canonical graph in which each node that `wanted` accepts is replaced by simpler nodes.

    Where it accepts none, the graph itself is returned.
    """
    if not any(wanted(node) for node in graph.nodes):
        return graph
    with _quiet(), guarded("expanding its operators"):
        result = copy(graph)
        expand(result, wanted)
        Pipeline(result).apply(_TIDY)
    return result


def _import(model: onnx.ModelProto, weights: Iterable[onnx.TensorProto], fixed: Mapping[str, Any]) -> gs.Graph:
    """Return the graph of a model, in which its weights and the fixed inputs are constants.

    weights: the large weights, which `model` declares as inputs (see `upgrade_apart`).
    Raises `UsageError` where `fixed` has a name that is no input of the model.
    """
    graph = gs.import_onnx(model)
    inputs = {value.name: value for value in graph.inputs}
    for weight in weights:
        inputs.pop(weight.name).to_constant(_values(weight))
    graph.inputs = list(inputs.values())
    if missing := fixed.keys() - inputs.keys():
        raise UsageError(f"the model has no input {min(missing)!r}; its inputs are {', '.join(inputs)}")
    for name, given in fixed.items():
        inputs[name].to_constant(_fixed(name, given, numpy_dtype(inputs[name])))
    graph.inputs = [value for value in graph.inputs if value.name not in fixed]
    for value in graph.outputs:
        if (
            isinstance(value, gs.Variable) and value.type != "tensor_type"
        ):  # the graph library cannot write the type of a map; runtimes infer it
            value.dtype = None
    return graph


def _check_inputs(graph: gs.Graph) -> None:
    """Raise UnsupportedModelError where the scores depend on an input that is a sequence of tensors."""
    for each in graph.inputs:
        if each.type != "tensor_type":
            raise UnsupportedModelError(
                f"the scores depend on the input {each.name!r}, which is a sequence, and only a tensor can be "
                "attributed to or perturbed"
            )


def _fixed(name: str, given: Any, dtype: np.dtype[Any] | None) -> Any:
    """Return the value of a fixed input as an array. Raises `UsageError` where it is none of this type."""
    try:
        return np.array(given, dtype)
    except (TypeError, ValueError, OverflowError) as problem:
        raise UsageError(
            f"fixed: {given!r} is no value of the input {name!r}, which holds {dtype} ({problem})"
        ) from problem


def _values(weight: onnx.TensorProto) -> Any:
    """Return a weight as an array, or as the packed tensor of the graph library where NumPy has no type for it.

    A packed tensor refers to the proto that it came from, which therefore stays in memory. An array is one copy of what
    the proto holds, where the graph library makes two; it cannot be written.
    """
    packed = LazyValues(weight)
    return packed if isinstance(packed.dtype, int) else to_array(weight)


def _cut_again(pipeline: Pipeline, head: Head) -> Head:
    """Cut off what only the passes made visible of the head, and return it joined with `head`.

    This is a Softmax that belonged to a classifier of ai.onnx.ml, or one that the file writes as several nodes.
    """
    inner = cut_head(pipeline.graph, pipeline.graph.outputs[0])
    pipeline.applied.append(("head", len(head.cut) + len(inner.cut)))
    pipeline.apply((unused,))
    return inner.after(head)


def _quiet() -> AbstractContextManager[None]:
    """Silence the graph library, whose messages would mix with our output on stdout."""
    silence: AbstractContextManager[None] = G_LOGGER.suppress()
    return silence
