"""The memory budget: how much memory one row of a walk needs, and so how many rows go through it at once.

Two bounds hold: what the limit of `batch_bytes` takes and, on a CPU, what its caches take.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from onnxplain.engines.inferred import shapes_at
from onnxplain.limits import held

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array

BUSY_ROWS = 16
"""The number of rows in a forward run that keeps a CPU busy. More are not faster, since the caches become too small."""

CACHED = 2**25
"""The bytes that the values of the rows of one walk may take for each thread, so that most stay in a CPU's caches."""

FEW = 8
"""The number of rows for each thread that share a walk, although their values take more than `CACHED`.

Some operators run a row in one thread, and weights that are read once serve all rows.
"""


class RowBytes:
    """The memory that one row of a graph takes, in bytes, by the sizes of its inputs; see `row_bytes`.

    open: whether the file leaves open how large a row is, such as the height of a picture; the inputs say it then.
    """

    def __init__(self, graph: gs.Graph, itemsize: int = 4) -> None:
        self._graph, self._itemsize = graph, itemsize
        self.open = any(not isinstance(n, int) for each in graph.inputs for n in (each.shape or (None, None))[1:])
        self._known: dict[tuple[Any, ...], int] = {}

    def __call__(self, feeds: Mapping[str, Array]) -> int:
        """Return the bytes of a row of inputs like these."""
        shapes = {name: value.shape for name, value in feeds.items()} if self.open else {}
        key = tuple(shapes.items())
        if key not in self._known:
            self._known[key] = row_bytes(self._graph, self._itemsize, shapes)
        return self._known[key]


def row_bytes(graph: gs.Graph, itemsize: int = 4, inputs: Mapping[str, tuple[int, ...]] | None = None) -> int:
    """Return an upper bound in bytes for one row: all values, and twice the columns of the widest convolution.

    The columns are the matrix (im2col) by which a convolution becomes a matrix product. A dimension that is not known
    counts as 1, so the bound holds for the sizes that are known.

    itemsize: bytes of an element. inputs: shapes of the inputs, where not only those of the file count; where they do
    not agree on the number of rows, it is the smallest.
    """
    given = inputs or {}
    shapes = {**given, **(shapes_at(graph, given) if given else {})}
    rows = min((shape[0] for shape in given.values() if shape), default=1)

    def elements(value: gs.Tensor) -> int:
        return _elements(shapes.get(value.name, value.shape))

    values = sum(elements(value) for node in graph.nodes for value in node.outputs)
    images = (node for node in graph.nodes if node.op in ("Conv", "ConvTranspose"))
    columns = max(
        (_kernel(node) * min(elements(node.inputs[0]), elements(node.outputs[0])) for node in images), default=0
    )
    return (values + 2 * columns) * itemsize // max(rows, 1)


def rows_that_fit(nbytes: int, budget: int | None = None) -> int:
    """Return how many rows of so many bytes, at least one, fit a budget: by default the limit of `batch_bytes`."""
    return max(1, int(budget or held().batch_bytes) // max(1, nbytes))


def rows_in_caches(nbytes: int, threads: int | None) -> int:
    """Return how many rows of so many bytes a CPU walks at once; more are slower. threads: None for all cores."""
    return (threads or os.cpu_count() or 1) * max(FEW, CACHED // max(1, nbytes))


def _elements(shape: Any) -> int:
    """Return the number of elements of a shape, in which open dimensions count as 1."""
    return math.prod(n for n in shape or () if isinstance(n, int) and n > 0)


def _kernel(node: gs.Node) -> int:
    """Return the number of elements of a convolution's columns for each position: one per element of the kernel."""
    return math.prod(n for n in (node.inputs[1].shape or ())[2:] if isinstance(n, int))
