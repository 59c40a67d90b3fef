"""A Softmax from before opset 13, which flattens from its axis on, goes along an axis where that is the same.

    Reshape(Softmax(Flatten(x, k), -1), Shape(x))  =  Softmax(x, a)

if a is the only axis from k on that is longer than 1, or the last. LogSoftmax and Hardmax likewise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, rewrite

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def row_softmax(graph: gs.Graph) -> int:
    """Take the reshapes away that the version converter put around a Softmax; return around how many."""
    return rewrite(graph, _unwrap)


def _unwrap(edit: Editor, node: gs.Node) -> bool:
    softmax = _producer(node.inputs[0], "Softmax", "LogSoftmax", "Hardmax") if is_onnx(node, "Reshape") else None
    flatten = _producer(softmax.inputs[0], "Flatten") if softmax else None
    shape = _producer(node.inputs[1], "Shape") if flatten else None
    if softmax is None or flatten is None or shape is None or shape.inputs[0] is not flatten.inputs[0]:
        return False
    axis = _axis(flatten.inputs[0], flatten.attrs.get("axis", 1))
    if softmax.attrs.get("axis", -1) not in (-1, 1) or axis is None or shape.attrs:
        return False
    node.op, node.name, node.inputs, node.attrs = (
        softmax.op,
        softmax.name,
        [flatten.inputs[0]],
        {"axis": axis},
    )
    softmax.name = edit.fresh(softmax.name)
    return True


def _producer(value: gs.Tensor, *ops: str) -> gs.Node | None:
    return value.inputs[0] if value.inputs and is_onnx(value.inputs[0], *ops) else None


def _axis(x: gs.Tensor, start: int) -> int | None:
    """The axis that flattening from `start` on leaves in order, if it is one."""
    if x.shape is None:
        return None
    long = [axis for axis in range(start % len(x.shape), len(x.shape)) if x.shape[axis] != 1]
    return None if len(long) > 1 else (long or [len(x.shape) - 1])[0]
