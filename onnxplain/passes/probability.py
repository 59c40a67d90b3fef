"""Probabilities: what the deployed file makes of the scores of a classifier, one for each score.

    scores -> Softmax | Sigmoid | ... -> reshapes, casts, QuantizeLinear, ZipMap -> output

The output may be a list of maps, logarithms or quantised integers: it is read back as numbers from 0 to 1. Where it is
a label, the probability is that of the activation within the head. A file without an activation at its end gives
probabilities where each row of its output sums to 1, as that of a forest or of a calibration does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnxplain.errors import RuntimeRefusalError
from onnxplain.graph.needed import keep_needed
from onnxplain.graph.runtime import CPU, Session, onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.passes.canonical import Canonical

_ACTIVATIONS = ("Softmax", "Sigmoid", "LogSoftmax", "QLinearSoftmax", "QLinearSigmoid")
_LOGARITHMS = ("Log", "LogSoftmax")
_KEPT = ("Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "ZipMap")
_SCALES = {"QuantizeLinear": (1, 2), "QLinearSoftmax": (3, 4), "QLinearSigmoid": (3, 4)}
"""The operators that quantise, with the places of scale and zero point among their inputs."""

ROUNDING = 2e-3
"""How far a probability may be beyond 0 or 1, and a sum of probabilities from 1: what half precision rounds."""


def probabilities(canonical: Canonical, output: Any, scores: tuple[int, ...]) -> Array | None:
    """Return the probability of each score [N, C], read from the file's `output` as it gives it; or None.

    scores: the shape of the scores in the graph, rows first. None where the output does not have one number for each
    score, and where its numbers are no probabilities.
    """
    ops = {each.split()[0] for each in canonical.cut}
    if "Hardmax" in ops:
        return None
    last = canonical.heads[-1] if canonical.heads else None
    values = _numbers(last, canonical.output, output)
    if values is None:
        return None
    values = _rows_first(canonical, values)
    if _long(values.shape) != _long(scores):
        return None
    flat = values.reshape(scores[0], -1)
    if not ((flat >= -ROUNDING) & (flat <= 1 + ROUNDING)).all():
        return None
    sums = flat.shape[1] > 1 and len(_long(scores[1:])) == 1 and bool((np.abs(flat.sum(1) - 1) <= ROUNDING).all())
    return flat if sums or ops & set(_ACTIVATIONS) else None


class Head:
    """The head of a model, ready to make probabilities of scores. Its sessions are opened when first needed."""

    def __init__(self, canonical: Canonical) -> None:
        self._canonical = canonical

    def probabilities(self, scores: Array, feeds: Mapping[str, Array]) -> Array | None:
        """Return the probability of each score [N, C]; None where the file makes none of them.

        scores: in the shape in which the graph has them. feeds: the inputs as the file takes them.
        """
        found = probabilities(self._canonical, self._run(self._sessions, scores, feeds), scores.shape)
        if found is not None or self._inner is None:
            return found
        inner, sessions = self._inner
        return probabilities(inner, self._run(sessions, scores, feeds), scores.shape)

    @cached_property
    def _sessions(self) -> list[Session]:
        return [_open(head) for head in self._canonical.heads]

    @cached_property
    def _inner(self) -> tuple[Canonical, list[Session]] | None:
        """The part of the head up to its activation, where that is not what makes the output."""
        inner = _up_to_activation(self._canonical)
        return None if inner is None else (inner, [_open(head) for head in inner.heads])

    def _run(self, sessions: list[Session], scores: Array, feeds: Mapping[str, Array]) -> Any:
        """Return what a chain of models makes of the scores.

        None where onnxruntime does not run it, and where it reads an input that the scores do not depend on.
        """
        values = {**feeds, **self._canonical.fixed, self._canonical.scores: scores}
        found: Any = scores
        try:
            for session in sessions:
                if not values.keys() >= set(session.inputs):
                    return None
                given = {each.name: _cast(values[each.name], each.type) for each in session.raw.get_inputs()}
                values |= zip(session.outputs, session.run(None, given), strict=True)
                found = values[session.outputs[-1]]
        except RuntimeRefusalError:
            return None
        return found


class GivenHead(Head):
    """The head of a model whose scores were said to be probabilities already, or not to be any."""

    def __init__(self, canonical: Canonical, *, probable: bool) -> None:
        super().__init__(canonical)
        self._probable = probable

    def probabilities(self, scores: Array, feeds: Mapping[str, Array]) -> Array | None:  # noqa: ARG002
        """See `Head`."""
        return scores.reshape(len(scores), -1) if self._probable else None


def _open(head: onnx.ModelProto) -> Session:
    level = onnxruntime().GraphOptimizationLevel.ORT_DISABLE_ALL
    return Session(head.SerializeToString(), [CPU], graph_optimization_level=level, intra_op_num_threads=1)


def _cast(value: Any, kind: str) -> Array:
    """Return a value in the element type that onnxruntime states, such as "tensor(float)"."""
    number = onnx.TensorProto.DataType.Value(kind.removeprefix("tensor(").removesuffix(")").upper())
    return np.asarray(value).astype(helper.tensor_dtype_to_np_dtype(number))


def _up_to_activation(canonical: Canonical) -> Canonical | None:
    """Return the model with the first activation of its head as its output; None where there is none."""
    for i, head in enumerate(canonical.heads):
        node = next((each for each in head.graph.node if each.op_type in _ACTIVATIONS), None)
        if node is not None:
            cut = onnx.ModelProto()
            cut.CopyFrom(head)
            del cut.graph.output[:]
            cut.graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
            keep_needed(cut)
            read = [each for each in cut.graph.input if any(each.name in node.input for node in cut.graph.node)]
            del cut.graph.input[:]
            cut.graph.input.extend(read)
            return replace(canonical, heads=(*canonical.heads[:i], cut), output=node.output[0])
    return None


def _numbers(head: onnx.ModelProto | None, name: str, output: Any) -> Array | None:
    """Return an output as floats: of maps, of logarithms and of quantised integers; None where it holds no numbers."""
    path = [] if head is None else _path(head.graph, name)
    if isinstance(output, list):  # a ZipMap gives one map for each row
        keys = _keys(path[0]) if path else None
        return None if keys is None else np.array([[row[key] for key in keys] for row in output], np.float32)
    given = np.asarray(output)
    values = _dequantised(head, path, given) if given.dtype.kind in "iu" else given
    if values is None or values.dtype.kind != "f":
        return None
    logarithms = any(node.op_type in _LOGARITHMS for node in path)
    return np.exp(values) if logarithms and (values <= ROUNDING).all() else values


def _path(graph: onnx.GraphProto, name: str) -> list[onnx.NodeProto]:
    """Return the nodes that only convert, from the output back to the one that computes, which is the last."""
    makers, found = {each: node for node in graph.node for each in node.output}, []
    while name in makers:
        node = makers[name]
        found.append(node)
        if node.op_type not in _KEPT and node.op_type != "QuantizeLinear":
            break
        name = node.input[0]
    return found


def _keys(node: onnx.NodeProto) -> list[Any] | None:
    """Return the names of the classes in the order of the scores, as a ZipMap has them."""
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        if each.name.startswith("classlabels_") and len(value):
            return [name.decode() if isinstance(name, bytes) else name for name in value]
    return None


def _dequantised(head: onnx.ModelProto | None, path: list[onnx.NodeProto], values: Array) -> Array | None:
    """Return quantised integers as the floats that they stand for; None where the head does not say which."""
    node = next((each for each in path if each.op_type in _SCALES), None)
    if head is None or node is None:
        return None
    known = {each.name: numpy_helper.to_array(each) for each in head.graph.initializer}
    at, zero = _SCALES[node.op_type]
    scale = known.get(node.input[at])
    offset = known.get(node.input[zero]) if len(node.input) > zero and node.input[zero] else np.array(0)
    if scale is None or offset is None or scale.size != 1:
        return None
    return np.asarray((values.astype(np.float32) - offset.astype(np.float32)) * scale.astype(np.float32))


def _rows_first(canonical: Canonical, values: Array) -> Array:
    """Return an output with the rows first, where the file has those of the scores on another axis."""
    names = [each.name for head in canonical.heads[:1] for each in head.graph.output]
    return next((canonical.rows.first({n: values})[n] for n in names if n in canonical.rows.moved), values)


def _long(shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of a shape that are not 1: both have the same elements in the same order where these agree."""
    return [n for n in shape if n != 1]
