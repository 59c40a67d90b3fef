"""A graph that begins at an inner value, which becomes its input: what leads to that value falls away."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from onnxplain.passes.export import copy
from onnxplain.passes.unused import cleanup

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def behind(graph: gs.Graph, name: str, source: str) -> gs.Graph:
    """Return a copy of a graph in which the computed value `name` is the first input.

    Of the graph's own inputs those stay that are needed otherwise, such as ids from which a mask is made. The axes that
    the value has of the input `source`, which are its first ones, are called as they are there: so it is known that
    both have the same rows.
    """
    result = copy(graph)
    values = result.tensors()
    value, axes = cast("gs.Variable", values[name]), list(values[source].shape or ())
    if value.shape is not None and len(value.shape) >= len(axes):
        value.shape = [*axes, *value.shape[len(axes) :]]
    value.inputs.clear()
    result.inputs.insert(0, value)
    cleanup(result)
    return result
