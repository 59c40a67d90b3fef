"""The axis on which the channels of a value lie, inferred from the operators that make and use the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx_graphsurgeon as gs

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS_SECOND = {
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"),
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth"),
}
"""Operators whose input and output have their channels on axis 1. (Those of a matrix product lie on the last axis.)"""

LOST = {"Reshape", "Flatten", "Gather", "GatherND", "Einsum"}
"""Operators whose output has other axes than their input, so that the channel axis cannot be followed through them."""


def channel_axes(graph: gs.Graph) -> dict[str, int]:
    """Return the channel axis by name of the value, for all values about which the operators say something.

    A pass forward through the nodes infers it from what makes a value, a pass backward from what uses it.
    """
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
    """Return the channel axis of a node's first output; None where it cannot be inferred."""
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
    if node.op in ("Squeeze", "Unsqueeze"):
        return next((after for before, after in _kept(node) if before == axes[source.name]), None)
    return axes[source.name] if _keeps(node, source) else None


def _before(node: gs.Node, axes: dict[str, int]) -> int | None:
    """Return the channel axis of a node's first input; None where it cannot be inferred."""
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
    if node.op in ("Squeeze", "Unsqueeze"):
        return next((before for before, after in _kept(node) if after == axes[out.name]), None)
    return axes[out.name] if _keeps(node, value) else None


def _keeps(node: gs.Node, value: gs.Tensor) -> bool:
    """Return whether the axes of the output correspond one by one to those of this input."""
    return node.op not in LOST and len(value.shape or ()) == len(node.outputs[0].shape or ())


def _kept(node: gs.Node) -> list[tuple[int, int]]:
    """Return the axes of a Squeeze or Unsqueeze that stay, as pairs (axis of the input, axis of the output).

    There are none where it is not known which axes go or come.
    """
    given = node.inputs[1] if len(node.inputs) > 1 else None
    ranks = [len(value.shape or ()) for value in (node.inputs[0], node.outputs[0])]
    if not isinstance(given, gs.Constant) or 0 in ranks:
        return []
    named = {int(axis) % max(ranks) for axis in given.values.ravel()}
    stay = [axis for axis in range(max(ranks)) if axis not in named]
    return list(zip(stay, range(len(stay)), strict=True) if node.op == "Squeeze" else enumerate(stay))


def _norm_axis(node: gs.Node, rank: int) -> int | None:
    """Return the last axis for a layer normalisation over it, which runs over channels; else None."""
    last = node.attrs.get("axis", -1) in (-1, rank - 1)
    return rank - 1 if node.op in ("LayerNormalization", "RMSNormalization") and last and rank > 2 else None


def _order(node: gs.Node, rank: int) -> Sequence[int]:
    """Return the permutation of a Transpose node, whose default is to reverse the axes."""
    order: Sequence[int] = node.attrs.get("perm") or range(rank)[::-1]
    return order


def has_constant(node: gs.Node) -> bool:
    """Return whether one of the node's inputs is a constant."""
    return any(isinstance(value, gs.Constant) for value in node.inputs)
