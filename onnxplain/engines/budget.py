"""The memory budget: how much one row of a walk needs, and so how many rows go through it at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

BUDGET = 2 * 2**30
"""Bytes that the values of one chunk of rows may take."""

BUSY_ROWS = 16
"""Rows of a forward run that keep a CPU busy: more gain nothing, and its caches become too small for what goes in."""


def row_bytes(graph: gs.Graph, itemsize: int = 4) -> int:
    """Return an upper bound in bytes for one row: every value, and twice the columns of the widest convolution.

    The columns are the matrix that a convolution is multiplied from. A dimension that the file leaves open counts as 1,
    so the bound holds for the sizes that the file states.
    """
    values = sum(_elements(value) for node in graph.nodes for value in node.outputs)
    columns = max((_columns(node) for node in graph.nodes if node.op in ("Conv", "ConvTranspose")), default=0)
    return (values + 2 * columns) * itemsize


def rows_that_fit(graph: gs.Graph, itemsize: int = 4, budget: int = BUDGET) -> int:
    """Return how many rows, of elements of `itemsize` bytes, fit the budget; at least one."""
    return max(1, budget // max(1, row_bytes(graph, itemsize)))


def _elements(value: Any) -> int:
    known = [n for n in value.shape or () if isinstance(n, int) and n > 0]
    return math.prod(known)


def _columns(node: Any) -> int:
    """Return the elements of a convolution's columns: one row of the kernel's size for each position."""
    narrow = min(_elements(node.inputs[0]), _elements(node.outputs[0]))
    kernel: list[int] = list(node.inputs[1].shape[2:])
    return narrow * math.prod(kernel)
