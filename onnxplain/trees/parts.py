"""A graph taken apart around its trees: what lies before them, the ensembles, and the sum of them that the scores are.

    columns -> scaling, imputing, encoding -> ensembles of trees -> sums, means, shifts, factors -> scores

Behind the trees the scores have to be an affine function of what the ensembles compute. Then their Shapley values are
the same linear function of those of the ensembles. The function is found by running what lies behind on zeros and on
each unit vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.runtime import open_session
from onnxplain.passes.edit import is_float, values_of
from onnxplain.passes.export import copy, detach_weights
from onnxplain.passes.unused import cleanup
from onnxplain.trees.read import TREES, ensemble_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.trees.ensemble import Ensemble

WAY_OUT = 'take method="kernel_shap", which only runs the model, and is exact for a few columns'
"""What helps where tree_shap cannot be used."""

_AFFINE = ("Add", "Sub", "Sum", "Mean", "Neg")
_BY_CONSTANT = ("Mul", "Div", "MatMul", "Gemm")
_LAYOUT = (
    "ReduceMean",
    "ReduceSum",
    "Identity",
    "Cast",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Slice",
    "Gather",
)


@dataclass(frozen=True)
class Trees:
    """The ensembles of a graph.

    read: names of the values that they read. ensembles: what each computes of its value.
    weights: how the scores follow from what ensemble i computes, float64 [K, C] for each.
    """

    read: tuple[str, ...]
    ensembles: tuple[Ensemble, ...]
    weights: tuple[Array, ...]


def has_trees(graph: gs.Graph) -> bool:
    """Whether a graph holds ensembles of trees."""
    return any(node.op in TREES for node in graph.nodes)


def taken_apart(graph: gs.Graph) -> Trees:
    """Return the trees of a graph. Raises UnsupportedModelError where its scores are no affine function of trees."""
    nodes = [node for node in graph.nodes if node.op in TREES]
    if not nodes:
        raise UnsupportedModelError(f"tree_shap explains ensembles of trees, and the model has none; {WAY_OUT}")
    ensembles = tuple(ensemble_of(node) for node in nodes)
    _check_affine(graph, nodes)
    weights = _weights(graph, nodes, [each.values.shape[1] for each in ensembles])
    return Trees(tuple(node.inputs[0].name for node in nodes), ensembles, tuple(weights))


def _check_affine(graph: gs.Graph, trees: Sequence[gs.Node]) -> None:
    """Raise UnsupportedModelError, with the node, where something behind the trees is no affine function of them.

    Another value that depends on the input must not meet them either.
    """
    behind = {node.outputs[0].name for node in trees}
    for node in graph.nodes:
        moved = [value for value in node.inputs if value.name in behind]
        if not moved:
            continue
        others = [value for value in node.inputs if value.name and value.name not in behind]
        constant = all(values_of(value) is not None for value in others)
        if any(node is each for each in trees) or not constant or not _is_affine(node, behind):
            raise UnsupportedModelError(
                f"tree_shap explains sums of trees, and {node.op} {node.name!r} makes something else of them; {WAY_OUT}"
            )
        behind |= {value.name for value in node.outputs}
    if graph.outputs[0].name not in behind:
        raise UnsupportedModelError(f"tree_shap explains trees, and the scores do not depend on any; {WAY_OUT}")


def _is_affine(node: gs.Node, behind: set[str]) -> bool:
    """Whether a node is an affine function of its inputs that lie `behind` the trees, its others being constants."""
    moved = [i for i, value in enumerate(node.inputs) if value.name in behind]
    if node.op in ("Concat", *_AFFINE):
        return True
    if node.op == "Cast" and not is_float(node.outputs[0]):
        return False
    if node.op in _BY_CONSTANT:
        return len(moved) == 1 and (node.op != "Div" or moved == [0])
    return node.op in _LAYOUT and moved == [0]


def _weights(graph: gs.Graph, nodes: Sequence[gs.Node], sizes: Sequence[int]) -> list[Array]:
    """Return [K, C] for each ensemble, by running what lies behind them on zeros and on unit vectors."""
    tail = copy(graph)
    known = tail.tensors()
    starts = [known[node.outputs[0].name] for node in nodes]
    for value in starts:
        value.inputs.clear()
    scores = tail.outputs[0].name
    total = sum(sizes)
    if [value.name for value in starts] == [scores]:
        return [np.eye(total)]
    tail.inputs = starts  # type: ignore[assignment]  # they are no constants
    cleanup(tail)
    session = open_session(*detach_weights(tail))
    ends = np.cumsum([0, *sizes])

    def run(point: Array) -> Array:
        parts = zip(starts, pairwise(ends), strict=True)
        feeds = {value.name: point[None, a:b] for value, (a, b) in parts if value.name in session.inputs}
        return np.asarray(session.run(None, feeds)[0], np.float64).ravel()

    nothing = run(np.zeros(total, np.float32))
    slopes = np.stack([run(point) for point in np.eye(total, dtype=np.float32)]) - nothing
    return [slopes[a:b] for a, b in pairwise(ends)]
