"""Channels: on which axis of a value they lie, as far as the operators around it tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS_SECOND = {
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"),
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth"),
}
"""Operators whose input and output have their channels on axis 1; those of a matrix product lie on the last axis."""

LOST = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather", "GatherND", "Einsum"}
"""Operators whose output has other axes than their input, so that nothing tells where the channels went."""


def channel_axes(graph: gs.Graph) -> dict[str, int]:
    """Return the axis of the channels by the name of the value, for all values where an operator around it tells."""
    axes: dict[str, int] = {}
    for node in graph.nodes:
        axis = _behind(node, axes)
        if axis is not None:
            axes[node.outputs[0].name] = axis
    for node in reversed(graph.nodes):
        axis = _before(node, axes)
        if axis is not None and node.inputs[0].name not in axes:
            axes[node.inputs[0].name] = axis
    return axes


def _behind(node: gs.Node, axes: dict[str, int]) -> int | None:
    """The channel axis of what a node makes."""
    rank = len(node.outputs[0].shape or ())
    source = next((value for value in node.inputs if value.name in axes), None)
    if node.op in CHANNELS_SECOND:
        return 1
    if node.op in ("MatMul", "Gemm"):
        return rank - 1 if rank > 2 and has_constant(node) else None
    if source is None:
        return _norm_axis(node, rank)
    if node.op == "Transpose":
        return list(_order(node, rank)).index(axes[source.name])
    return axes[source.name] if _keeps(node, source) else None


def _before(node: gs.Node, axes: dict[str, int]) -> int | None:
    """The channel axis of a node's first input."""
    value, out = node.inputs[0] if node.inputs else None, node.outputs[0]
    rank = len(getattr(value, "shape", None) or ())
    if node.op in CHANNELS_SECOND:
        return 1
    if node.op in ("MatMul", "Gemm"):
        return rank - 1 if rank > 2 and has_constant(node) else None
    if out.name not in axes or value is None:
        return None
    if node.op == "Transpose":
        return int(_order(node, rank)[axes[out.name]])
    return axes[out.name] if _keeps(node, value) else None


def _keeps(node: gs.Node, value: gs.Tensor) -> bool:
    """Whether the axes of the output are those of this input."""
    return node.op not in LOST and len(value.shape or ()) == len(node.outputs[0].shape or ())


def _norm_axis(node: gs.Node, rank: int) -> int | None:
    """A layer normalisation over the last axis runs over channels."""
    last = node.attrs.get("axis", -1) in (-1, rank - 1)
    return rank - 1 if node.op in ("LayerNormalization", "RMSNormalization") and last and rank > 2 else None


def _order(node: gs.Node, rank: int) -> Sequence[int]:
    order: Sequence[int] = node.attrs.get("perm") or range(rank)[::-1]
    return order


def has_constant(node: gs.Node) -> bool:
    """Whether one of the node's inputs is a constant."""
    return any(isinstance(value, gs.Constant) for value in node.inputs)
