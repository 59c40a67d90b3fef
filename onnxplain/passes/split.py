"""A Split becomes one Slice for each output that is read, so that no rule meets a node with several outputs.

    y_k = x[..., s_k : s_k + n_k, ...],  s_k = n_0 + ... + n_{k-1}

The sizes n_k are the input `split`, if this is constant. Without this input, each is ⌈length / number of outputs⌉,
where the length of the axis must be known, and the last output gets what remains.
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
    """Replace each Split whose sizes are known; return how many were replaced."""
    return rewrite(graph, _slices)


def _slices(edit: Editor, node: gs.Node) -> bool:
    sizes = _sizes(node) if is_onnx(node, "Split") else None
    if sizes is None:
        return False
    axis = edit.constant(np.array([node.attrs.get("axis", 0)]), f"{node.name}/axis")
    x, outputs = node.inputs[0], list(node.outputs)
    for stop, size, output in zip(accumulate(sizes), sizes, outputs, strict=True):
        if output.outputs or id(output) in edit.results:
            bounds = [
                edit.constant(np.array([at]), f"{node.name}/{name}")
                for name, at in (("start", stop - size), ("stop", stop))
            ]
            edit.add("Slice", [x, *bounds, axis], f"{node.name}/{stop - size}:{stop}", output=output)
    node.outputs.clear()
    return True


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
