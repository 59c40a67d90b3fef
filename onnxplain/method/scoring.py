"""Scoring: the explained number by forward runs alone. It needs no plan, so any model that runs can be scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UnsupportedModelError
from onnxplain.method.request import first_rows, joined
from onnxplain.walk.neuron import Neuron, known_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Request
    from onnxplain.model import Model
    from onnxplain.walk.objective import Objective


@dataclass(frozen=True)
class Scored:
    """Of each row: the explained number in float64, the target's score, all scores [N, C], and the class index."""

    number: Array
    score: Array
    scores: Array
    chosen: Array


def read_value(model: Model, engine: Engine, batch: Batch, name: str) -> Array:
    """Return the value `name` at all rows of a batch, by forward runs of as many rows as fit."""
    chunks = batch.chunks(engine.rows_that_fit(batch.feeds), model.fixed_batch)
    values = [(feeds if name in feeds else engine.values(feeds, {name}))[name] for _, _, feeds in chunks]
    return np.concatenate(values)[: len(batch.x)]


def batch_behind(behind: Model, batch: Batch, x: Array) -> Batch:
    """Return a batch with the values `x` for the explained input, to a model that begins there; see `Model.behind`."""
    name = behind.explained_input.name
    others = {each.name: batch.feeds[each.name] for each in behind.canonical.graph.inputs[1:]}
    by_row = frozenset({name, *(batch.by_row & others.keys())})
    return replace(batch, x=x, feeds={name: x, **others}, by_row=by_row, channel_axis=None, images=None)


def score(
    model: Model,
    engine: GuardedEngine,
    request: Request,
    at_once: int | None = None,
    beside: Mapping[str, Array] | None = None,
) -> Scored:
    """Return the scores of all rows of a request, by forward runs of at most `at_once` rows, or of as many as fit.

    beside: the inputs of one row that the rows differ from in parts; see `GuardedEngine.values`.
    """
    most = engine.rows_that_fit(request.batch.feeds) if at_once is None else at_once
    return joined(
        [
            first_rows(
                _score(model, engine, request.objective.rows(rows, short), feeds, beside), rows.stop - rows.start
            )
            for rows, short, feeds in request.batch.chunks(most, model.fixed_batch)
        ]
    )


def _score(
    model: Model,
    engine: GuardedEngine,
    objective: Objective,
    feeds: dict[str, Array],
    beside: Mapping[str, Array] | None,
) -> Scored:
    canonical, target = model.canonical, objective.target
    tensor = known_value(canonical, target.tensor) if isinstance(target, Neuron) else canonical.scores
    values = engine.values(feeds, {canonical.scores, tensor}, beside)
    found = values[canonical.scores]
    rows = len(feeds[model.explained_input.name])
    if np.shape(found)[:1] != (rows,):
        raise UnsupportedModelError(
            f"the scores {canonical.scores!r} have the shape {list(np.shape(found))} for {rows} rows of "
            f"{model.explained_input.name!r}, which is not what the file states; export the model again"
        )
    scores = found.reshape(rows, -1)
    number, own, chosen = objective.number(objective.seen(values[tensor]), scores)
    return Scored(number, own, scores, chosen)
