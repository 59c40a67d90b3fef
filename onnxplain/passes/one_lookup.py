"""A table of embeddings that is read twice, of which the second reading holds tokens of the first, is read once.

    E = T[ids]                   E = T[ids]
    D = T[moved]                 D = E[:, place]  where a token of ids stands in `moved`,  T[moved]  elsewhere

The decoder of T5 and BART reads the ids that their encoder reads, moved by one place behind a token that starts the
text. What a token does for the score there is part of its embedding, too. `place` says where in its row of ids each
element of `moved` came from. It is computed by the nodes that make `moved`, of the places 0, 1, 2 ... in the stead of
the ids, with -1 for ids that the graph brings along.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.graph.lookups import carries, copied_inputs
from onnxplain.passes.edit import Editor, is_onnx, rewrite

_DATA = {"Where": (1, 2), "ScatterElements": (0, 2), "ScatterND": (0, 2)}
"""The positions of the inputs that bring elements, of the operators with several; those of Concat are all."""


def one_lookup(graph: gs.Graph) -> int:
    """Join readings of one table; return how many were joined to another one."""
    changed = 0
    for source in graph.inputs:
        if source.shape is None or len(source.shape) != 2:
            continue
        carried = carries(graph, source.name)
        readings = [node for node in graph.nodes if is_onnx(node, "Gather") and _reads_table(node, carried)]
        first = next((node for node in readings if _plain(node.inputs[1]) is source), None)
        if first is not None and len(readings) > 1:
            join = _Join(first, carried, source)
            changed += rewrite(graph, join.rule)
    if changed:
        graph.toposort()
    return changed


def _reads_table(node: gs.Node, carried: set[str]) -> bool:
    table = node.inputs[0]
    rows = isinstance(table, gs.Constant) and len(table.shape) == 2 and node.attrs.get("axis", 0) == 0
    return rows and node.inputs[1].name in carried


def _plain(value: gs.Tensor) -> gs.Tensor:
    """Return what a value was before it was cast, or passed on."""
    while value.inputs and is_onnx(value.inputs[0], "Cast", "Identity"):
        value = value.inputs[0].inputs[0]
    return value


class _Join:
    """Joins the readings of a table to the first one. carried: the values that hold elements of `source`."""

    def __init__(self, first: gs.Node, carried: set[str], source: gs.Variable) -> None:
        self.first, self.carried, self.source = first, carried, source

    def rule(self, edit: Editor, node: gs.Node) -> bool:
        """Join one reading."""
        if node is self.first or not is_onnx(node, "Gather") or not _reads_table(node, self.carried):
            return False
        table, moved = node.inputs
        ours = self.first.inputs[0]
        same = table is ours or np.array_equal(cast("gs.Constant", table).values, cast("gs.Constant", ours).values)
        if not same or _plain(moved) is self.source or len(moved.shape or ()) != 2:
            return False
        place, zero = self._place(edit, moved, {}), edit.constant(np.array(0, np.int64), f"{node.name}/zero")
        there = _bool(edit.add("GreaterOrEqual", [place, zero], f"{node.name}/there"))
        own = edit.add("Gather", [table, self._brought(edit, moved, there)], f"{node.name}/brought", axis=0)
        own.dtype = node.outputs[0].dtype
        last = edit.constant(np.array([2], np.int64), f"{node.name}/axis")
        inside = edit.add("Max", [place, zero], f"{node.name}/inside", like=place)
        wide = edit.add("Unsqueeze", [inside, last], f"{node.name}/place", like=place)
        size = edit.add("Shape", [own], f"{node.name}/size", like=place)
        each = edit.add("Expand", [wide, size], f"{node.name}/each", like=place)
        taken = edit.add("GatherElements", [self.first.outputs[0], each], f"{node.name}/tokens", like=own, axis=1)
        column = _bool(edit.add("Unsqueeze", [there, last], f"{node.name}/column"))
        node.op, node.inputs, node.attrs = "Where", [column, taken, own], {}
        return True

    def _brought(self, edit: Editor, moved: gs.Tensor, there: gs.Variable) -> gs.Variable:
        """Return the ids of `moved` that the graph brings along, and 0 in the place of tokens, where `there` holds."""
        absent = _bool(edit.add("Not", [there], f"{moved.name}/absent"))
        counted = edit.add(
            "Cast", [absent], f"{moved.name}/counted", to=onnx.helper.np_dtype_to_tensor_dtype(moved.dtype)
        )
        counted.dtype = moved.dtype
        return edit.add("Mul", [moved, counted], f"{moved.name}/brought", like=moved)

    def _place(self, edit: Editor, value: gs.Tensor, made: dict[str, gs.Variable]) -> gs.Variable:
        """Return, for each element of `value`, its place in its row of the source; -1 where it is none of it."""
        if value.name not in made:
            node = None if value is self.source else value.inputs[0]
            kept = copied_inputs(node, self.carried) if node else []
            if node is None:
                made[value.name] = self._numbers(edit)
            elif not kept:
                made[value.name] = self._none(edit, value)
            elif node.op == "Cast":
                made[value.name] = self._place(edit, node.inputs[0], made)
            else:
                data = _DATA.get(node.op, range(len(node.inputs)) if node.op == "Concat" else (0,))
                inputs = [
                    self._place(edit, each, made) if i in kept else self._none(edit, each) if i in data else each
                    for i, each in enumerate(node.inputs)
                ]
                made[value.name] = edit.add(node.op, inputs, f"{node.name}/place", **node.attrs)
                made[value.name].dtype = np.dtype(np.int64)
        return made[value.name]

    def _numbers(self, edit: Editor) -> gs.Variable:
        """Return 0, 1, 2 ... in each row, in the shape of the source."""
        one, axis = (edit.constant(np.array(1, np.int64), f"{self.source.name}/{name}") for name in ("one", "axis"))
        none = self._none(edit, self.source)
        ones = edit.add("Mul", [none, none], f"{self.source.name}/ones", like=none)
        counted = edit.add("CumSum", [ones, axis], f"{self.source.name}/counted", like=none)
        return edit.add("Sub", [counted, one], f"{self.source.name}/places", like=none)

    def _none(self, edit: Editor, value: gs.Tensor) -> gs.Variable:
        """Return -1 for each element of a value."""
        stem = f"{value.name}/none"
        whole = edit.add("Cast", [value], f"{stem}/whole", like=value, to=7)
        whole.dtype = np.dtype(np.int64)
        zeros = edit.add("Sub", [whole, whole], f"{stem}/zeros", like=whole)
        one = edit.constant(np.array(1, np.int64), f"{stem}/one")
        return edit.add("Sub", [zeros, one], stem, like=whole)


def _bool(value: gs.Variable) -> gs.Variable:
    value.dtype = np.dtype(bool)
    return value
