"""A graph that begins at an inner value, which becomes its input: what leads to that value falls away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.export import copy
from onnxplain.passes.unused import cleanup

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def behind(graph: gs.Graph, name: str) -> gs.Graph:
    """Return a copy of a graph in which the computed value `name` is the first input.

    Of the graph's own inputs those stay that are needed otherwise, such as ids from which a mask is made.
    """
    result = copy(graph)
    value = result.tensors()[name]
    value.inputs.clear()
    result.inputs.insert(0, value)  # type: ignore[arg-type]  # a computed value is no constant
    cleanup(result)
    return result
