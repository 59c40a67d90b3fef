"""A Softmax over the last axis that an exporter wrote as several nodes becomes one node.

    Exp(z) · Reciprocal(Σ Exp(z))      Softmax(z)
    Softmax(x + t)                     Softmax(x), where t is the same for all elements of a row, as -max(x) is

A row is what lies along the last axis. The sum has one number per row, and may pass through Reshape, Expand and
Unsqueeze before its reciprocal is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, producer, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def fuse_softmax(graph: gs.Graph) -> int:
    """Replace each Softmax that is written out by one node; return how many were replaced."""
    return rewrite(graph, _fuse)


def _fuse(_edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Mul"):
        return False
    for value, factor in (node.inputs, node.inputs[::-1]):
        exp, inverse = producer(value, "Exp"), producer(factor, "Reciprocal")
        if exp is not None and inverse is not None and _sums_rows(inverse.inputs[0], value):
            node.op, node.inputs, node.attrs = "Softmax", [_unshifted(exp.inputs[0])], {"axis": -1}
            return True
    return False


def _sums_rows(total: gs.Tensor, value: gs.Tensor) -> bool:
    """Whether `total` is the sum of `value` over the last axis, with one number per row."""
    if value.shape is None or not _is_column(total, value):
        return False
    rank, node = len(value.shape), producer(total, "ReduceSum", "Reshape", "Expand", "Unsqueeze")
    while node is not None and node.op != "ReduceSum":
        node = producer(node.inputs[0], "ReduceSum", "Reshape", "Expand", "Unsqueeze")
    if node is None or node.inputs[0] is not value or len(node.inputs) < 2:
        return False
    axes = values_of(node.inputs[1])
    return axes is not None and list(axes % rank) == [rank - 1]


def _is_column(column: gs.Tensor, value: gs.Tensor) -> bool:
    """Whether `column` has the shape of `value`, but with 1 as its last size.

    The number of rows of a matrix need not be known, because there is only one axis along which they can lie.
    """
    if column.shape is None or value.shape is None or len(column.shape) != len(value.shape):
        return False
    rows = list(column.shape[:-1])
    return column.shape[-1] == 1 and (len(rows) == 1 or (rows == list(value.shape[:-1]) and None not in rows))


def _unshifted(value: gs.Tensor) -> gs.Tensor:
    """Return x where `value` is x + t with one number t per row, otherwise `value` itself."""
    node = producer(value, "Add")
    for x, shift in () if node is None else (node.inputs, node.inputs[::-1]):
        if _is_column(shift, x):
            return x
    return value
