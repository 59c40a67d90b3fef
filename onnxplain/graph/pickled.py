"""Unpickling a graph: it travels as a proto and its large weights, from which another process makes the same graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs
from onnx import ModelProto

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array


def graph_of(proto: bytes, weights: Mapping[str, Array]) -> gs.Graph:
    """Return the graph of a serialised model.

    weights: values of the large weights, which the proto declares as inputs; in the graph they are constants again.
    """
    graph = gs.import_onnx(ModelProto.FromString(proto))
    inputs = {value.name: value for value in graph.inputs}
    for name, values in weights.items():
        inputs.pop(name).to_constant(values)
    graph.inputs = list(inputs.values())
    for value in graph.tensors().values():
        if isinstance(value, gs.Constant) and not isinstance(value.dtype, int):  # an int is a type that NumPy lacks
            value.values  # noqa: B018  # loads the values, so that the proto need not stay in memory
    return graph
