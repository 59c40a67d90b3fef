"""Exact Shapley values of ensembles of trees: what is declared of the method, and how it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.guard.engine import GuardedEngine
from onnxplain.inputs.shape import static
from onnxplain.method.finite import check_baseline, check_scores
from onnxplain.method.request import Result
from onnxplain.method.scoring import read_value, score
from onnxplain.method.spec import MethodSpec
from onnxplain.method.steady import check_steady
from onnxplain.passes.difference import Difference
from onnxplain.trees.owners import CONSTANT, MIXED, owners
from onnxplain.trees.parts import WAY_OUT, taken_apart
from onnxplain.trees.shapley import shapley

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Request
    from onnxplain.model import Model
    from onnxplain.trees.parts import Trees


@dataclass(frozen=True)
class TreeShap:
    """Exact Shapley values of the columns for ensembles of trees, against the rows of `baseline`.

    φ(i) = Σ over the coalitions S without i of |S|! (M-|S|-1)! / M! · (v(S + i) - v(S)), for M columns, where v(S) is
    the mean over the rows z of the background of F(x on the columns in S, z on the others). F is the raw score, before
    a sigmoid or softmax. Σ φ = F(x) - mean F(z). Columns that a pipeline makes of one column count as that column.

    Source: Lundberg et al. 2020, interventional TreeSHAP.
    """


@dataclass(frozen=True)
class TreeShapSpec(MethodSpec):
    """The declaration of `tree_shap`."""

    @property
    def background(self) -> bool:
        """See `MethodSpec`."""
        return True


class TreeShapMethod:
    """`tree_shap` on a model. Raises UnsupportedModelError where its scores are no sum of trees."""

    plan = None

    def __init__(
        self, model: Model, spec: TreeShapSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError("tree_shap attributes to the columns of the input; layer= belongs to a method that walks")
        check_steady(model, spec.name)
        spec.build(**parameters)
        self.model, self.spec, self.feeds = model, spec, feeds
        self.parameters: dict[str, Any] = {}
        self.trees = taken_apart(model.canonical.graph)
        # a branch decides by a single comparison, so all rows are compared with the file, which takes little time
        self.engine = GuardedEngine(replace(model, parity="always") if model.parity == "first" else model)

    def run(self, request: Request) -> Result:
        """Explain all rows."""
        batch = request.batch
        known = score(self.model, self.engine, request)
        check_scores(self.model, batch, known.scores)
        weights = request.objective.weights(known.scores.astype(np.float64), known.chosen)
        background = self.feeds.background(batch, request.baseline)
        values = self._values(batch, background)
        attribution = np.einsum("npc,nc->np", values, weights)
        there = read_value(self.model, self.engine, background, self.model.canonical.scores)
        there = there.reshape(len(there), -1)
        due = (weights * (known.scores - there.mean(0, dtype=np.float64))).sum(1)
        delta = attribution.sum(1) - due
        check_baseline(self.spec.name, known.scores, delta)
        _check(delta, float(np.abs(weights).sum(1).max() * max(np.abs(known.scores).max(), np.abs(there).max())))
        found = attribution.reshape(batch.x.shape).astype(known.scores.dtype)
        return Result(found, known.score, known.scores, known.chosen, delta)

    def _values(self, batch: Batch, background: Batch) -> Array:
        """Return the Shapley values of the columns for all scores, float64 [N, columns, C]."""
        count = int(np.prod(batch.x.shape[1:]))
        found = owners(self.model.canonical.graph, self.feeds.starts(batch))
        total: Any = 0.0
        for name, ensemble, weights in zip(self.trees.read, self.trees.ensembles, self.trees.weights, strict=True):
            players = _players(self.model.canonical.graph, found, name, np.unique(ensemble.column))
            x, z = (read_value(self.model, self.engine, each, name) for each in (batch, background))
            total = total + shapley(ensemble, players, count, x, z) @ weights
        return np.asarray(total)


def check_columns(model: Model, trees: Trees) -> None:
    """Raise UnsupportedModelError where trees read what is no function of one column, as far as the file tells it.

    What it leaves open, such as the number of columns, is seen when rows are explained.
    """
    graph = model.canonical.graph
    if model.table is not None:
        starts = model.table.starts()
    elif None in (row := [static(n) for n in model.input_shape[1:]]):
        return
    else:
        starts = {model.explained_input.name: np.arange(prod(n or 1 for n in row)).reshape(1, *(n or 1 for n in row))}
    found = owners(graph, starts)
    for name, ensemble in zip(trees.read, trees.ensembles, strict=True):
        _players(graph, found, name, np.unique(ensemble.column))


def _check(delta: Array, largest: float) -> None:
    """Raise UnsupportedModelError where the trees, as they were read, do not sum to what the model computes.

    delta: the gap of each row. largest: of all scores.
    """
    found = Difference(float(np.abs(delta).max()), largest)
    if not found.small:
        raise UnsupportedModelError(
            f"the trees as tree_shap reads them give other scores than the model, by up to {found.largest:.3g}; "
            f"please report it, with the file; {WAY_OUT}"
        )


def _players(graph: gs.Graph, found: dict[str, Array], name: str, columns: Sequence[int] | Array) -> Array:
    """Return the player of each column of the value `name`, of which the trees read `columns`; -1 for constants.

    Raises UnsupportedModelError, with the node, where one of them is no function of a single column of the input.
    """
    own = found.get(name)
    players = np.full(0, MIXED) if own is None else own.ravel().copy()
    lost = [i for i in columns if i >= len(players) or players[i] == MIXED]
    if lost:
        raise UnsupportedModelError(
            f"tree_shap shares a score out among columns, and column {lost[0]} of {name!r}, which trees read, is no "
            f"function of one column of the input{_mixer(graph, found, name)}; {WAY_OUT}"
        )
    players[players == MIXED] = CONSTANT
    return players


def _mixer(graph: gs.Graph, found: dict[str, Array], name: str) -> str:
    """Return, as the end of a sentence, which node before the value `name` brings columns together."""
    makers = {value.name: node for node in graph.nodes for value in node.outputs}
    while name in makers:
        node = makers[name]
        mixed = [
            v.name for v in node.inputs if v.name in makers and (found.get(v.name) is None or MIXED in found[v.name])
        ]
        if not mixed:
            return f": {node.op} {node.name!r} brings several together"
        name = mixed[0]
    return ": it belongs to another input"
