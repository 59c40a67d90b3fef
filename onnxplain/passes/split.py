"""A Split becomes one Slice for each output that is read, so that no rule meets a node with several outputs.

    y_k = x[..., s_k : s_k + n_k, ...],  s_k = n_0 + ... + n_{k-1}

The sizes n_k are the input `split`. Without this input, each is ⌈length / number of outputs⌉, and the last output gets
what remains. Where the sizes are not known, nodes compute the bounds from the input `split`, or from the size of x.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def split(graph: gs.Graph) -> int:
    """Replace each Split; return how many were replaced."""
    return rewrite(graph, _slices)


def _slices(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Split") or not node.outputs:
        return False
    axis = edit.constant(np.array([node.attrs.get("axis", 0)]), f"{node.name}/axis")
    x, outputs, sizes = node.inputs[0], list(node.outputs), _sizes(node)
    edges = _computed_edges(edit, node) if sizes is None else _edges(edit, node, sizes)
    for i, output in enumerate(outputs):
        if output.outputs or id(output) in edit.results:
            edit.add("Slice", [x, edges[i], edges[i + 1], axis], f"{node.name}/{i}", output=output)
    node.outputs.clear()
    return True


def _edges(edit: Editor, node: gs.Node, sizes: list[int]) -> list[gs.Tensor]:
    """Return where each part begins, and where the last one ends, as constants."""
    return [edit.constant(np.array([at]), f"{node.name}/{at}") for at in accumulate(sizes, initial=0)]


def _computed_edges(edit: Editor, node: gs.Node) -> list[gs.Tensor]:
    """Return the same as values that nodes compute."""

    def whole(*numbers: int) -> gs.Constant:
        return edit.constant(np.array(numbers), f"{node.name}/number")

    def compute(op: str, *inputs: gs.Tensor) -> gs.Variable:
        made = edit.add(op, inputs, f"{node.name}/{op}")
        made.dtype = np.dtype(np.int64)
        return made

    count = len(node.outputs)
    if len(node.inputs) > 1 and node.inputs[1].name:
        ends = compute("CumSum", node.inputs[1], edit.constant(np.array(0), f"{node.name}/first"))
        return [whole(0), *(compute("Slice", ends, whole(i), whole(i + 1)) for i in range(count))]
    length = compute("Gather", compute("Shape", node.inputs[0]), whole(node.attrs.get("axis", 0)))
    part = compute("Div", compute("Add", length, whole(count - 1)), whole(count))
    return [compute("Mul", part, whole(i)) for i in range(count + 1)]


def _sizes(node: gs.Node) -> list[int] | None:
    """Return the size of each output along the split axis; None where they are unknown."""
    if len(node.inputs) > 1 and node.inputs[1].name:
        given = values_of(node.inputs[1])
        return None if given is None else [int(size) for size in given]
    shape, count = node.inputs[0].shape, len(node.outputs)
    length = None if shape is None else shape[node.attrs.get("axis", 0)]
    if not isinstance(length, int):
        return None
    part = math.ceil(length / count)
    return [min(part, length - i * part) for i in range(count)]
