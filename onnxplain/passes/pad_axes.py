"""A Pad that names the axes it pads becomes a Pad of all axes, with a width of 0 at the others.

    Pad(x, [1, 2], axes=[2]) -> Pad(x, [0, 0, 1, 0, 0, 2]), for an x of rank 3

Where a Transpose stands before a Pad, onnxruntime moves it behind, and reorders the widths as if they were of all axes.
With named axes it then refuses to run the model, or pads the wrong ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def pad_axes(graph: gs.Graph) -> int:
    """Rewrite each Pad of constant widths along constant axes; return how many were rewritten."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Pad") or len(node.inputs) < 4 or node.inputs[3].is_empty() or node.inputs[0].shape is None:
        return False
    widths, axes = values_of(node.inputs[1]), values_of(node.inputs[3])
    if widths is None or axes is None:
        return False
    full = np.zeros((2, len(node.inputs[0].shape)), np.int64)
    full[:, axes] = widths.reshape(2, -1)
    node.inputs[1] = edit.constant(full.ravel(), f"{node.name}/pads")
    node.inputs.pop()
    return True
