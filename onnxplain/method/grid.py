"""Grids: which values of a graph lie on a grid of positions, on which axis their channels are, and which comes last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError
from onnxplain.ops import Family, registry
from onnxplain.ops.bind import active_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.ops.bind import Bound

CHANNELS_SECOND = {
    *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"),
    *("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth"),
}
"""Operators whose input and output have their channels on axis 1; those of a matrix product lie on the last axis."""
PRODUCTS = {"MatMul", "Gemm", "Einsum"}
LOST = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather", "GatherND", "Einsum"}
"""Operators behind which no one can tell the axes."""


def channel_axes(graph: gs.Graph) -> dict[str, int]:
    """The axis of the channels, for each value of which the operators around it tell."""
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


def last_grid(graph: gs.Graph, root: str, scores: str, axes: dict[str, int]) -> str:
    """Name of the last value on a grid that feeds `scores`, and not by one of its positions alone.

    Rearranged copies do not count, nor do the projections of an attention. Raises UnsupportedModelError for none.
    """
    active, whole = active_values(graph, {root}), _read_whole(graph, scores, axes)
    for node in reversed(graph.nodes):
        value = node.outputs[0]
        if value.name not in active & whole or _rearranges(node, active) or _projects(node):
            continue
        if value.name in axes and is_open(value, axes[value.name]):
            return str(value.name)
    raise UnsupportedModelError(
        "no value of this model lies on a grid of positions that feeds the scores (no convolution, no tokens); "
        "layer= names one of shape [N, K, ...], and gradient methods need none"
    )


def is_open(value: gs.Tensor, axis: int) -> bool:
    """Whether there is more than one position; a size that the file leaves open counts."""
    return any(size != 1 for i, size in enumerate(value.shape or ()) if i not in (0, axis))


def why_not_pooled(graph: gs.Graph, nodes: Sequence[Bound]) -> str:
    """What keeps `nodes` from being a global average pooling and one linear layer; "" where they are."""
    values, found = graph.tensors(), [node for node in nodes if node.family is not Family.SHAPE]
    adds = [node for node in found if node.family is Family.AFFINE and node.op.family is Family.SUM]
    steps = [node for node in found if node not in adds]
    if not steps or steps[0].op.name not in ("GlobalAveragePool", "AveragePool", "ReduceMean"):
        first = f"{steps[0].op.name} (node {steps[0].name!r}) comes first" if steps else "nothing follows"
        return f"no global average pooling: {first}"
    left = values[steps[0].output]
    if len(left.shape or ()) > 2 and is_open(left, 1):
        return f"{steps[0].op.name} (node {steps[0].name!r}) leaves more than one position"
    if len(steps) < 2 or not steps[1].op.mixes:
        return f"no linear layer behind {steps[0].op.name} (node {steps[0].name!r})"
    return f"{steps[2].op.name} (node {steps[2].name!r}) follows the linear layer" if len(steps) > 2 else ""


# --- axes -------------------------------------------------------------------------------------------------------------


def _behind(node: gs.Node, axes: dict[str, int]) -> int | None:
    """The channel axis of what a node makes."""
    rank = len(node.outputs[0].shape or ())
    source = next((value for value in node.inputs if value.name in axes), None)
    if node.op in CHANNELS_SECOND:
        return 1
    if node.op in ("MatMul", "Gemm"):
        return rank - 1 if rank > 2 and _has_constant(node) else None
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
        return rank - 1 if rank > 2 and _has_constant(node) else None
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


# --- which positions are read -----------------------------------------------------------------------------------------


def _read_whole(graph: gs.Graph, scores: str, axes: dict[str, int]) -> set[str]:
    """Values that reach `scores` by more than one chosen position.

    Where a class token is picked, the others do not matter, up to the attention that mixed them into it.
    """
    whole = {scores: True}
    for node in reversed(graph.nodes):
        used = [whole[value.name] for value in node.outputs if value.name in whole]
        if not used:
            continue
        mixed = node.op in PRODUCTS and not _has_constant(node)
        reads = mixed or (any(used) and not _picks(node, axes))
        for value in node.inputs:
            whole[value.name] = whole.get(value.name, False) or reads
    return {name for name, reads in whole.items() if reads}


def _picks(node: gs.Node, axes: dict[str, int]) -> bool:
    """Whether one position of a grid is left."""
    value = node.inputs[0]
    axis = axes.get(value.name) if node.op in ("Gather", "Slice") else None
    if axis is None or value.shape is None or not is_open(value, axis):
        return False
    sizes = (node.outputs[0].shape or ("?", "?"))[1:]
    known = [size for size in sizes if isinstance(size, int)]
    return len(known) == len(sizes) and math.prod(known) == value.shape[axis]


def _rearranges(node: gs.Node, active: set[str]) -> bool:
    """Whether a node only moves elements of one value; a Concat of branches makes a new one."""
    return _is(node, Family.SHAPE) and sum(value.name in active for value in node.inputs) == 1


def _projects(node: gs.Node) -> bool:
    """Whether a node is a matrix product with constant weights, or adds the bias of one."""
    made = [source.op for value in node.inputs for source in value.inputs]
    adds = _is(node, Family.SUM) and _has_constant(node)
    return node.op in ("MatMul", "Gemm") or (adds and bool(PRODUCTS.intersection(made)))


def _has_constant(node: gs.Node) -> bool:
    return any(isinstance(value, gs.Constant) for value in node.inputs)


def _is(node: gs.Node, family: Family) -> bool:
    op: Any = registry().get(node.op)
    return op is not None and op.family is family
