"""Lookups: where an integer input, such as token ids, is looked up element by element in a table of floats.

An embedding is the first value behind token ids that has a derivative with respect to each token. What a network
computes from ids otherwise are masks and positions, which follow the ids in jumps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import onnx
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import dependent, may_be_float, readers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_MOVES = (
    *("Cast", "Concat", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Pad", "Reshape"),
    *("ScatterElements", "ScatterND", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
)
"""Operators that copy the elements of their first input, Concat of each of them, or move them."""

_SCATTERS = ("ScatterElements", "ScatterND")
"""Of these, those that put the elements of their third input among those of the first."""

_LOOKUPS = ("Gather", "DequantizeLinear", "OneHot")
"""Operators that make floats of integers, element by element."""

_RENAMES = ("Add", "CategoryMapper", "Clip", "LabelEncoder", "Max", "Min", "Mod", "Mul", "Sub")
"""Operators that make another number of each element, with constants beside it."""

_JOINS = ("Add", "Cast", "Concat", "Identity", "Mul", "Reshape", "Squeeze", "Sum", "Transpose", "Unsqueeze")
"""Operators by which the parts of one embedding are put together."""

_SIDES = re.compile(r"mask|position|segment|type|length|langs?$", re.IGNORECASE)
"""Names of inputs that say how to read other inputs: masks, positions, and kinds of tokens."""


def main_inputs(names: Sequence[str]) -> list[str]:
    """Return the names without those of inputs that only say how to read others; all where no other is left."""
    return [name for name in names if not _SIDES.search(name)] or list(names)


def embedding(graph: gs.Graph, source: str, target: str) -> str | None:
    """Return the name of the float value that holds the embedding of each element of an integer input.

    That is the output of the lookup or, where one embedding is put together of several lookups, their sum or their
    concatenation. None where there is no lookup, or where several of them have no such value in common.
    """
    known = readers(graph)
    found = [name for name in lookups(graph, source) if target in dependent(graph, {name}, known=known)]
    if len(found) < 2:
        return found[0] if found else None
    return next((name for name in _joined(graph, found) if target not in dependent(graph, found, name, known)), None)


def lookups(graph: gs.Graph, source: str) -> list[str]:
    """Return the names of the floats that are looked up, element by element, for the elements of an input.

    What is looked up behind a Transpose has the axes of the input in another order, and is left out.
    """
    carried, turned, found = carries(graph, source), set[str](), []
    for node in graph.nodes:
        kept = {node.inputs[i].name for i in carried_inputs(node, carried)}
        if kept and (node.op == "Transpose" or kept & turned):
            turned |= {value.name for value in node.outputs}
        elif kept and node.op in _LOOKUPS:
            found += [value.name for value in node.outputs if may_be_float(value)]
    return found


def carries(graph: gs.Graph, source: str) -> set[str]:
    """Return the names of the values whose elements stand for those of an input, or were there before."""
    carried = {source}
    for node in graph.nodes:
        if carried_inputs(node, carried):
            carried |= {value.name for value in node.outputs if not may_be_float(value)}
    return carried


def carried_inputs(node: gs.Node, carried: Collection[str]) -> list[int]:
    """Return the positions of the inputs of a node whose elements, which stand for others, are those of its output."""
    return [i for i in range(len(node.inputs)) if _passes(node, i, carried)]


def copied_inputs(node: gs.Node, carried: Collection[str]) -> list[int]:
    """Return those of `carried_inputs` whose elements are in the output as they are, and not by another number."""
    renames = node.op in _RENAMES or node.attrs.get("to") == onnx.TensorProto.BOOL
    found = [] if renames else carried_inputs(node, carried)
    return [i for i in found if node.op != "Gather" or i == 0]


def _passes(node: gs.Node, i: int, carried: Collection[str]) -> bool:
    if node.inputs[i].name not in carried:
        return False
    others = [value for k, value in enumerate(node.inputs) if k != i]
    if node.op == "Gather":
        return i == 0 or isinstance(node.inputs[0], gs.Constant)
    if node.op == "Where":
        return i > 0
    if node.op in ("DequantizeLinear", "OneHot") or node.op in _RENAMES:
        return all(isinstance(value, gs.Constant) for value in others)
    return node.op in _MOVES and (i == 0 or node.op == "Concat" or (node.op in _SCATTERS and i == 2))


def _joined(graph: gs.Graph, parts: Collection[str]) -> Iterator[str]:
    """Yield the values that are put together of all `parts`, and of nothing else that they do not bring along."""
    made = {name: {name} for name in parts}
    for node in graph.nodes:
        of = set().union(*(made.get(value.name, set()) for value in node.inputs))
        if of and node.op in _JOINS:
            made |= {value.name: of for value in node.outputs}
            if of >= set(parts):
                yield node.outputs[0].name
