"""Values that touch zero from above: sums of powers |u|ᵏ, such as the variance and the square of a norm.

A root has no slope at 0. Yet a root of such a value, like the standard deviation √mean(d²), is |u| near its zeros,
where frameworks take the slope 0, as they do for |u| itself. The order k tells which roots are so: those of a power p
with p k ≥ 1. Behind a ReLU, which stays at 0 where it is 0, every root is so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from collections.abc import Collection

SUMS = frozenset(
    {
        *("Add", "Sum", "Mean", "Concat", "ReduceSum", "ReduceMean", "GlobalAveragePool", "AveragePool"),
        *("MaxPool", "GlobalMaxPool", "ReduceMax", "Max"),
        *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand", "Slice", "Gather"),
    }
)
"""Operators whose output is of the lowest order of their floats, where all of these have one."""

FACTORS = ("Mul", "Div")


def orders(graph: gs.Graph, held: Collection[str]) -> dict[str, float]:
    """Return, by name, the order k of each value that is a sum of powers |u|ᵏ.

    held: names of the computed values that do not depend on the input; as factors they change no order.
    """
    found: dict[str, float] = {}
    for node in graph.nodes:
        order = _order(node, found, held)
        if order is not None and node.outputs:
            found[node.outputs[0].name] = order
    return found


def _order(node: gs.Node, found: dict[str, float], held: Collection[str]) -> float | None:
    """Return the order of a node's first output; None where it has none. found, held: see `orders`."""
    names = [value.name for value in node.inputs]
    known = found.get(names[0]) if names else None
    if node.op == "Mul" and names[0] == names[1]:
        return 2.0 * (known or 1.0)
    if node.op in FACTORS:
        moving = [value for value in node.inputs if not isinstance(value, gs.Constant) and value.name not in held]
        inside = len(moving) == 1 and (node.op == "Mul" or moving[0] is node.inputs[0])
        return found.get(moving[0].name) if inside else None
    if node.op in SUMS:
        terms = names if node.op in ("Add", "Sum", "Mean", "Max", "Concat") else names[:1]
        each = [found.get(name) for name in terms]
        return min((order for order in each if order), default=None) if all(each) else None
    return _of_one(node, known)


def _of_one(node: gs.Node, known: float | None) -> float | None:
    """Return the order of a function of one value, whose own order is `known`."""
    given = node.inputs[1] if len(node.inputs) > 1 else None
    number = float(given.values.item()) if isinstance(given, gs.Constant) and given.values.size == 1 else None
    if node.op == "Abs":
        return known or 1.0
    if node.op == "Relu" or (node.op == "Clip" and number == 0):
        return known or math.inf
    if node.op == "Pow" and number is not None and number > 0:
        return number * known if known else number if number % 2 == 0 else None
    return None
