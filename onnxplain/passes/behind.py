"""A graph that begins at an inner value, which becomes its input: what leads to that value falls away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from onnxplain.passes.export import copy
from onnxplain.passes.unused import cleanup

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.passes.canonical import Canonical


def behind(canonical: Canonical, name: str, source: str, axes: int | None = None) -> Canonical:
    """Return the canonical model whose first input is the value `name`, which has an entry for each row."""
    rows = canonical.rows
    by_row = None if rows.by_row is None else rows.by_row | {name}
    return replace(canonical, graph=_behind(canonical.graph, name, source, axes), rows=replace(rows, by_row=by_row))


def _behind(graph: gs.Graph, name: str, source: str, count: int | None) -> gs.Graph:
    """Return a copy of a graph in which the computed value `name` is the first input.

    Of the graph's own inputs those stay that are needed otherwise, such as ids from which a mask is made. The axes that
    the value has of the input `source`, which are its first ones, `count` of them or all, are called as they are there:
    so it is known that both have the same rows.
    """
    result = copy(graph)
    values = result.tensors()
    value, axes = cast("gs.Variable", values[name]), list(values[source].shape or ())[:count]
    if value.shape is not None and len(value.shape) >= len(axes):
        value.shape = [*axes, *value.shape[len(axes) :]]
    value.inputs.clear()
    result.inputs = [value, *(each for each in result.inputs if each is not value)]
    cleanup(result)
    return result
