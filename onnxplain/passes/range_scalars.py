"""Constant ends of a Range that hold one element along an axis become scalars, as ONNX has them.

    Range(0, [5], 1)  ->  Range(0, 5, 1)

Exporters make the limit of a Range from a Shape, as an array of one element. onnxruntime takes that while it is
computed at run time, and refuses the model once it is a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def range_scalars(graph: gs.Graph) -> int:
    """Make scalars of the constants that a Range reads; return how many Ranges were changed."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Range"):
        return False
    given = {i: values for i, value in enumerate(node.inputs) if (values := values_of(value)) is not None}
    longer = {i: values for i, values in given.items() if values.ndim and values.size == 1}
    for i, values in longer.items():
        node.inputs[i] = edit.constant(values.reshape(()), f"{node.name}/{i}")
    return bool(longer)
