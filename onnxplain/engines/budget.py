"""How much memory one row needs, and so how many rows go at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

BUDGET = 2 * 2**30
"""Bytes that the values of one chunk of rows may take."""
ENOUGH = 16
"""Rows of a forward run: with more, a CPU gains nothing and its caches are too small for what goes in."""


def row_bytes(graph: gs.Graph, itemsize: int = 4) -> int:
    """An upper bound for one row: every value of the tape, and twice the columns of the widest convolution.

    Dimensions that are not known count as 1, so the bound is one for the sizes that the file states.
    """
    values = sum(_elements(value) for node in graph.nodes for value in node.outputs)
    columns = max((_columns(node) for node in graph.nodes if node.op in ("Conv", "ConvTranspose")), default=0)
    return (values + 2 * columns) * itemsize


def rows_at_once(graph: gs.Graph, itemsize: int = 4, budget: int = BUDGET) -> int:
    """How many rows fit the budget; at least one."""
    return max(1, budget // max(1, row_bytes(graph, itemsize)))


def _elements(value: Any) -> int:
    known = [n for n in value.shape or () if isinstance(n, int) and n > 0]
    return math.prod(known)


def _columns(node: Any) -> int:
    """Elements of the matrix that a convolution is multiplied from: one row of the kernel's size per position."""
    narrow = min(_elements(node.inputs[0]), _elements(node.outputs[0]))
    kernel: list[int] = list(node.inputs[1].shape[2:])
    return narrow * math.prod(kernel)
