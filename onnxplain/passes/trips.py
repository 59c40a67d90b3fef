"""The numbers of the steps that a Loop takes, 0, 1, ..., as a value of the graph, where sizes decide them.

A Loop ends after its trip count or where its condition no longer holds. Where the condition always holds, the numbers
are a Range. Else a Loop of nothing but the condition, and the states that it reads, collects them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import dependent
from onnxplain.passes.edit import values_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxplain.passes.edit import Editor


def numbers_of(edit: Editor, node: gs.Node, fixed: Collection[str]) -> gs.Variable | None:
    """Return the numbers of the steps of a Loop, which nodes that are added to `edit` compute; None where data decide.

    fixed: names of the values that constants and sizes decide.
    """
    trips, condition = node.inputs[:2]
    if any(value.name and value.name not in fixed for value in (trips, condition)):
        return None
    if not _goes_on(node):
        return _counted(edit, node, fixed)
    return _range(edit, node.name, trips) if trips.name else None


def _goes_on(node: gs.Node) -> bool:
    """Whether the condition of a Loop holds at every step."""
    going, asked, condition = node.attrs["body"].outputs[0], node.attrs["body"].inputs[1], node.inputs[1]
    while going.inputs and going.inputs[0].op == "Identity":
        going = going.inputs[0].inputs[0]
    return (not condition.name or _holds(condition)) and (going is asked or _holds(going))


def _holds(value: gs.Tensor) -> bool:
    """Whether a value is a constant that is true."""
    constant = values_of(value)
    return constant is not None and bool(np.all(constant))


def _range(edit: Editor, stem: str, trips: gs.Tensor) -> gs.Variable:
    def integers(values: int | list[int]) -> gs.Constant:
        return edit.constant(np.array(values, np.int64), f"{stem}/integers")

    def add(op: str, *inputs: gs.Tensor) -> gs.Variable:
        made = edit.add(op, inputs, f"{stem}/numbers")
        made.dtype = np.dtype(np.int64)
        return made

    flat = add("Reshape", trips, integers([-1]))
    return add("Range", integers(0), add("Squeeze", flat, integers([0])), integers(1))


def _counted(edit: Editor, node: gs.Node, fixed: Collection[str]) -> gs.Variable | None:
    """Return the numbers as a Loop collects them that has nothing but the condition of the node."""
    first, body = node.inputs[2:], _copy(node.attrs["body"])
    moving = _moving(node, body, fixed)
    if body.outputs[0].name in moving:
        return None
    kept = [i for i, value in enumerate(body.inputs[2:]) if value.name not in moving]

    def value(stem: str, dtype: Any) -> gs.Variable:
        return gs.Variable(edit.fresh(f"{node.name}/{stem}"), dtype)

    number, numbers = (value(stem, np.dtype(np.int64)) for stem in ("number", "numbers"))
    body.nodes.append(gs.Node("Identity", edit.fresh(f"{node.name}/count"), {}, [body.inputs[0]], [number]))
    body.outputs = [body.outputs[0], *(body.outputs[1 + i] for i in kept), number]
    inputs = [*body.inputs[:2], *(body.inputs[2 + i] for i in kept)]
    body.inputs = inputs
    body.cleanup(remove_unused_graph_inputs=False)
    body.inputs = inputs
    given = [*node.inputs[:2], *(first[i] for i in kept)]
    ends = [value("end", first[i].dtype) for i in kept]
    edit.new.append(gs.Node("Loop", edit.fresh(f"{node.name}/steps"), {"body": body}, given, [*ends, numbers]))
    return numbers


def _moving(node: gs.Node, body: gs.Graph, fixed: Collection[str]) -> set[str]:
    """Return the names of the values of a body that data decide, at whatever step. fixed: see `numbers_of`."""
    first, before, after = node.inputs[2:], body.inputs[2:], body.outputs[1:]
    moving = {inner.name for inner, outer in zip(before, first, strict=True) if outer.name not in fixed}
    moving |= {name for name, value in _outside(body).items() if isinstance(value, gs.Variable)} - set(fixed)
    while True:
        found = dependent(body, moving)
        more = {inner.name for inner, end in zip(before, after, strict=False) if end.name in found} - moving
        if not more:
            return found
        moving |= more


def _outside(body: gs.Graph) -> dict[str, gs.Tensor]:
    """Return the values that a body reads from outside, by name, constants among them."""
    own = {value.name for value in (*body.inputs, *(made for each in body.nodes for made in each.outputs))}
    read = (value for each in body.nodes for value in each.inputs)
    return {value.name: value for value in (*read, *body.outputs) if value.name and value.name not in own}


def _copy(body: gs.Graph) -> gs.Graph:
    """Return a copy of a body that reads the same values from outside."""
    return body.copy(tensor_map=_outside(body))
