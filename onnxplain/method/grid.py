"""Grids: which values of a graph lie on a grid of positions, and which of them comes last before the classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dependence import active_values, may_be_float, read_by
from onnxplain.ops import Family, find_op
from onnxplain.ops.channels import has_constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.plan.bound import Bound

PRODUCTS = {"MatMul", "Gemm", "Einsum"}


def last_grid(graph: gs.Graph, root: str, scores: str, axes: dict[str, int]) -> str:
    """Return the name of the last value on a grid that feeds `scores` by more than one of its positions.

    Values that are rearranged copies of others do not count, nor do the projections of an attention.
    Raises UnsupportedModelError where there is none.
    """
    active, whole = active_values(graph, {root}), _read_whole(graph, scores, axes)
    for node in reversed(graph.nodes):
        value = node.outputs[0]
        if value.name not in active & whole or not may_be_float(value) or _rearranges(node, active) or _projects(node):
            continue
        if value.name in axes and is_open(value, axes[value.name]):
            return str(value.name)
    raise UnsupportedModelError(
        "no value of this model lies on a grid of positions that feeds the scores (no convolution, no tokens); "
        "layer= names one of shape [N, K, ...], and gradient methods need none"
    )


def is_open(value: gs.Tensor, axis: int) -> bool:
    """Whether a value has more than one position. A size that the file leaves open counts as more than one."""
    return any(size != 1 for i, size in enumerate(value.shape or ()) if i not in (0, axis))


def why_not_pooled(graph: gs.Graph, nodes: Sequence[Bound]) -> str:
    """Say what keeps `nodes` from being a global average pooling and one linear layer; "" where they are that."""
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


# --- which positions are read -----------------------------------------------------------------------------------------


def _read_whole(graph: gs.Graph, scores: str, axes: dict[str, int]) -> set[str]:
    """Return the names of the values that reach `scores` by more than one position.

    Where a class token is picked, the other tokens do not matter any more, up to the attention that mixed them into it.
    """
    whole = {scores: True}
    for node in reversed(graph.nodes):
        used = [whole[value.name] for value in node.outputs if value.name in whole]
        if not used:
            continue
        mixed = node.op in PRODUCTS and not has_constant(node)
        reads = mixed or (any(used) and not _picks(node, axes))
        for name in read_by(node):
            whole[name] = whole.get(name, False) or reads
    return {name for name, reads in whole.items() if reads}


def _picks(node: gs.Node, axes: dict[str, int]) -> bool:
    """Whether a node picks one position of a grid."""
    value = node.inputs[0]
    axis = axes.get(value.name) if node.op in ("Gather", "Slice") else None
    if axis is None or value.shape is None or not is_open(value, axis):
        return False
    sizes = (node.outputs[0].shape or ("?", "?"))[1:]
    known = [size for size in sizes if isinstance(size, int)]
    return len(known) == len(sizes) and math.prod(known) == value.shape[axis]


def _rearranges(node: gs.Node, active: set[str]) -> bool:
    """Whether a node only moves the elements of one value. A Concat of several branches makes a new value."""
    return _is(node, Family.SHAPE) and sum(value.name in active for value in node.inputs) == 1


def _projects(node: gs.Node) -> bool:
    """Whether a node is a matrix product with constant weights, or adds the bias of one."""
    made = [source.op for value in node.inputs for source in value.inputs]
    adds = _is(node, Family.SUM) and has_constant(node)
    return node.op in ("MatMul", "Gemm") or (adds and bool(PRODUCTS.intersection(made)))


def _is(node: gs.Node, family: Family) -> bool:
    op = find_op(node.domain, node.op)
    return op is not None and op.family is family
