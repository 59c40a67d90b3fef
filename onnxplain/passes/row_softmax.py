"""The reshapes around a Softmax from before opset 13 are dropped where it normalises along one axis.

Before opset 13, Softmax flattened x to a matrix, from axis k on, and normalised its rows. The conversion to a newer
opset writes this with nodes, which are simplified to

    Reshape(Softmax(Flatten(x, k), -1), Shape(x))  =  Softmax(x, a)

where at most one axis from k on is longer than 1: a is this axis, or the last one if there is none. The same holds for
LogSoftmax and Hardmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, producer, rewrite

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def row_softmax(graph: gs.Graph) -> int:
    """Drop the reshapes that the conversion put around a Softmax; return how many Softmax nodes had them."""
    return rewrite(graph, _unwrap)


def _unwrap(edit: Editor, node: gs.Node) -> bool:
    softmax = producer(node.inputs[0], "Softmax", "LogSoftmax", "Hardmax") if is_onnx(node, "Reshape") else None
    flatten = producer(softmax.inputs[0], "Flatten") if softmax else None
    shape = producer(node.inputs[1], "Shape") if flatten else None
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


def _axis(x: gs.Tensor, start: int) -> int | None:
    """Return the axis a that stands for all axes from `start` on; None where several of them are longer than 1."""
    if x.shape is None:
        return None
    long = [axis for axis in range(start % len(x.shape), len(x.shape)) if x.shape[axis] != 1]
    return None if len(long) > 1 else (long or [len(x.shape) - 1])[0]
