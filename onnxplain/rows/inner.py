"""An inner value whose rows lie on another axis than the first, given a form in which they come first.

nn.MultiheadAttention and XLNet lay their values out as [time, batch, channels]. To attribute to such a value, it is
turned in the graph, and turned back for those that read it: what is between the two has its rows first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, redirect
from onnxplain.passes.export import copy

if TYPE_CHECKING:
    from onnxplain.passes.canonical import Canonical


def turned(canonical: Canonical, name: str) -> tuple[Canonical, str]:
    """Return the canonical model with a form of the value `name` that has its rows first, and the name of that form.

    Where its rows come first, or no axis of it is known to hold them, both are returned as they are.
    """
    axis, known = canonical.rows.axes.get(name), canonical.graph.tensors().get(name)
    if not axis or known is None or known.shape is None:
        return canonical, name
    graph, shape = copy(canonical.graph), list(known.shape)
    value, edit = graph.tensors()[name], Editor(graph)
    order = [axis, *(i for i in range(len(shape)) if i != axis)]
    back = [order.index(i) for i in range(len(order))]
    first = gs.Variable(edit.fresh(f"{name}/rows first"), value.dtype, [shape[i] for i in order])
    again = gs.Variable(edit.fresh(f"{name}/as it was"), value.dtype, shape)
    redirect(value, again)
    place = 1 + max((i for i, node in enumerate(graph.nodes) if value in node.outputs), default=-1)
    graph.nodes[place:place] = [
        gs.Node("Transpose", first.name, {"perm": order}, [value], [first]),
        gs.Node("Transpose", again.name, {"perm": back}, [first], [again]),
    ]
    axes = {**canonical.rows.axes, first.name: 0, again.name: axis}
    return replace(canonical, graph=graph, rows=replace(canonical.rows, axes=axes)), first.name
