"""Shapes that a model computes when it runs become constants where shape inference knows them.

Shape(x), Size(x)             become a constant where all sizes that they read are known
Gather, Slice of Shape(x)     become a constant where the sizes that they pick are known; others, such as the number of
                              rows, need not be
Reshape(x, computed shape)    gets a constant shape: the inferred sizes of its output, with 0 (for the size that x has
                              at this axis) where x has an unknown size of the same name, and -1 for at most one other
                              unknown size
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


def dimensions(graph: gs.Graph) -> int:
    """Replace known shapes by constants; return how many nodes changed."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if is_onnx(node, "Reshape"):
        return _state_shape(edit, node)
    if is_onnx(node, "Size"):
        sizes = _elements(node)
    else:
        sizes = _picked(node) if is_onnx(node, "Shape", "Gather", "Slice") else None
    if sizes is None or id(node.outputs[0]) in edit.results:
        return False
    (output,) = node.outputs
    node.outputs.clear()
    output.to_constant(sizes)
    return True


def _state_shape(edit: Editor, node: gs.Node) -> bool:
    """Give a Reshape a constant shape; return False where too many sizes are unknown, or the shape is constant."""
    x, shape = node.inputs[0], node.outputs[0].shape
    if values_of(node.inputs[1]) is not None or shape is None:
        return False
    own = [*(x.shape or []), *[None] * len(shape)]
    sizes = [size if isinstance(size, int) else 0 if size and size == own[i] else -1 for i, size in enumerate(shape)]
    if sizes.count(-1) > 1 or any(size == 0 and isinstance(shape[i], int) for i, size in enumerate(sizes)):
        return False
    node.inputs[1] = edit.constant(np.array(sizes, np.int64), f"{node.name}/shape")
    node.attrs.pop("allowzero", None)
    return True


def _elements(node: gs.Node) -> Array | None:
    """Return the number of elements of what a Size node reads; None where it is unknown."""
    shape = node.inputs[0].shape or [None]
    known = [size for size in shape if isinstance(size, int)]
    return np.array(math.prod(known), np.int64) if len(known) == len(shape) else None


def _picked(node: gs.Node) -> Array | None:
    """Return the sizes that a Shape node, or a Gather or Slice of one, returns; None where one of them is unknown."""
    shape = node if node.op == "Shape" else next(iter(node.inputs[0].inputs), None)
    if shape is None or not is_onnx(shape, "Shape") or shape.inputs[0].shape is None:
        return None
    known: Sequence[Any] = shape.inputs[0].shape[shape.attrs.get("start", 0) : shape.attrs.get("end")]
    picked = np.array([size if isinstance(size, int) else -1 for size in known], np.int64)
    if node is not shape:
        arguments = [values_of(value) for value in node.inputs[1:]]
        if any(each is None for each in arguments):
            return None
        picked = picked[arguments[0]] if node.op == "Gather" else picked[_span(*arguments)]
    return None if (picked < 0).any() else np.asarray(picked)  # a single size is an array too


def _span(starts: Any, ends: Any, _axes: Any = None, steps: Any = (1,)) -> slice:
    """Return the slice that the inputs of a Slice describe. The axis is ignored, since a shape has only axis 0."""
    return slice(int(starts[0]), int(ends[0]), int(steps[0]))
