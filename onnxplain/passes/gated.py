"""A graph in which an inner value is read times a new input, so that channels of it can be removed."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, redirect
from onnxplain.passes.export import copy


def gated(graph: gs.Graph, name: str, axis: int) -> tuple[gs.Graph, str]:
    """Return a copy of a graph in which the value `name` is read times an input, and the name of that input.

    axis: of the channels; the input has an element for each row and channel, and broadcasts on the value.
    """
    result = copy(graph)
    value, edit = result.tensors()[name], Editor(result)
    shape = value.shape and [size if i in (0, axis) else 1 for i, size in enumerate(value.shape)]
    gate = gs.Variable(edit.fresh(f"{name}/gate"), value.dtype, shape)
    let_through = gs.Variable(edit.fresh(f"{name}/gated"), value.dtype, value.shape)
    redirect(value, let_through)
    place = 1 + max((i for i, node in enumerate(result.nodes) if value in node.outputs), default=-1)
    result.nodes.insert(place, gs.Node("Mul", let_through.name, {}, [value, gate], [let_through]))
    result.outputs = [let_through if each is value else each for each in result.outputs]
    result.inputs.append(gate)
    return result, gate.name
