"""The memory budget: how much memory one row of a walk needs, and so how many rows go through it at once.

Two bounds hold: what the limit of `batch_bytes` takes and, on a CPU, what its caches take.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from onnxplain.limits import held

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

BUSY_ROWS = 16
"""The number of rows in a forward run that keeps a CPU busy. More are not faster, since the caches become too small."""

CACHED = 2**25
"""The bytes that the values of the rows of one walk may take for each thread, so that most stay in a CPU's caches."""

FEW = 8
"""The number of rows for each thread that share a walk, although their values take more than `CACHED`.

Some operators run a row in one thread, and weights that are read once serve all rows.
"""


def row_bytes(graph: gs.Graph, itemsize: int = 4) -> int:
    """Return an upper bound in bytes for one row: all values, and twice the columns of the widest convolution.

    The columns are the matrix (im2col) by which a convolution becomes a matrix product. A dimension that the file
    leaves open counts as 1, so the bound holds for the sizes that the file states.

    itemsize: bytes of an element.
    """
    values = sum(_elements(value) for node in graph.nodes for value in node.outputs)
    columns = max((_columns(node) for node in graph.nodes if node.op in ("Conv", "ConvTranspose")), default=0)
    return (values + 2 * columns) * itemsize


def rows_that_fit(graph: gs.Graph, itemsize: int = 4, budget: int | None = None) -> int:
    """Return how many rows, of elements of `itemsize` bytes, fit a budget in bytes: at least one.

    budget: by default the limit of `batch_bytes`.
    """
    return max(1, int(budget or held().batch_bytes) // max(1, row_bytes(graph, itemsize)))


def rows_in_caches(graph: gs.Graph, threads: int | None) -> int:
    """Return how many rows a CPU walks at once, on so many threads or, for None, on all cores; more are slower."""
    return (threads or os.cpu_count() or 1) * max(FEW, CACHED // max(1, row_bytes(graph)))


def _elements(value: gs.Tensor) -> int:
    """Return the number of elements of a value, where open dimensions count as 1."""
    known = [n for n in value.shape or () if isinstance(n, int) and n > 0]
    return math.prod(known)


def _columns(node: gs.Node) -> int:
    """Return the number of elements of a convolution's columns: for each position, one per element of the kernel."""
    narrow = min(_elements(node.inputs[0]), _elements(node.outputs[0]))
    kernel = [n for n in (node.inputs[1].shape or ())[2:] if isinstance(n, int)]
    return narrow * math.prod(kernel)
