"""Scoring: the explained number by forward runs alone. It needs no plan, so any model that runs has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.feeds import rows_of
from onnxplain.method.request import head, joined, rows_part
from onnxplain.walk.objective import Neuron, Question, known_value

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.engines.eager import Walker
    from onnxplain.feeds import Batch
    from onnxplain.method.request import Request
    from onnxplain.model import Model


def read_all(model: Model, walker: Walker, batch: Batch, at_once: int, name: str) -> Array:
    """The value `name` at all rows of a batch, by forward runs of as many rows as fit."""
    chunks = rows_of(batch, model.fixed_batch, at_once)
    values = [(feeds if name in feeds else walker.values(feeds, {name}))[name] for _, feeds in chunks]
    return np.concatenate(values)[: len(batch.x)]


@dataclass(frozen=True)
class Scored:
    """Of each row: the explained number in float64, the target's score, all scores, and the class."""

    number: Array
    score: Array
    scores: Array
    chosen: Array


class Scoring:
    """Reads scores of a model. seed: which number is explained by default, the "logit" or the "probability"."""

    def __init__(self, model: Model, seed: str, walker: Walker, at_once: int) -> None:
        self.model = model
        self._seed = seed
        self._walker = walker
        self._at_once = at_once

    def read(self, request: Request) -> Scored:
        """All rows, as many at once as fit."""
        chunks = rows_of(request.batch, self.model.fixed_batch, self._at_once)
        return joined(self._read(request, rows, feeds) for rows, feeds in chunks)

    def _read(self, request: Request, rows: slice, feeds: dict[str, Array]) -> Scored:
        canonical, target = self.model.canonical, rows_part(request.target, rows)
        seed = rows_part(request.seed, rows)
        question = Question(target, seed, self._seed, self.model.labels, rows.stop - rows.start, canonical.alone)
        tensor = known_value(canonical.graph, target.tensor) if isinstance(target, Neuron) else canonical.scores
        values = self._walker.values(feeds, {canonical.scores, tensor})
        scores = values[canonical.scores].reshape(len(values[canonical.scores]), -1)
        number, score, chosen = question.number(scores if tensor == canonical.scores else values[tensor], scores)
        return head(Scored(number, score, scores, chosen), question.rows)
