"""What explanations are judged on: a model, its inputs, the scores that were explained, and random numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.budget import rows_at_once
from onnxplain.errors import UsageError
from onnxplain.feeds import Batch, Feeds
from onnxplain.method.scoring import read_all
from onnxplain.method.walk_method import WALKERS
from onnxplain.progress import progress
from onnxplain.walk.objective import Neuron, as_target, class_indices, probabilities

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnxplain.arrays import Array
    from onnxplain.model import Model

KINDS = ("logit", "probability")


class Scores:
    """Runs the forward alone, as many rows at once as fit the memory budget."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._walker = WALKERS[model.engine](model.canonical, model.precision)
        self.at_once = rows_at_once(model.canonical.graph, model.itemsize, self._walker.budget)

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self._walker.providers

    def __call__(self, batch: Batch) -> Array:
        """All scores [N, C] of a batch, before the final softmax."""
        scores = read_all(self._model, self._walker, batch, self.at_once, self._model.canonical.scores)
        return scores.reshape(len(scores), -1)


@dataclass(frozen=True)
class Subject:
    """The rows that every method explains and every measure changes.

    target: class index of each row. baseline: a number or an array like one row. random_seed: starts
    every generator, so that all methods meet the same random numbers.
    """

    model: Model
    batch: Batch = field(repr=False)
    target: tuple[int, ...]
    baseline: Any
    random_seed: int
    scores: Scores = field(repr=False)

    @classmethod
    def of(cls, model: Model, x: Any, target: Any, baseline: Any, random_seed: int) -> Subject:
        """Read the inputs; where no target is given, the predicted class of each row is."""
        if isinstance(target, Neuron):
            raise UsageError("explanations are judged by the score of a class: target= takes an index, a label or None")
        batch, scores = Feeds(model, baseline).read(x), Scores(model)
        chosen = class_indices(as_target(target, len(batch.x)), scores(batch), model.labels)
        return cls(model, batch, tuple(map(int, chosen)), baseline, random_seed, scores)

    def __len__(self) -> int:
        return len(self.batch.x)

    def rows(self, what: str) -> Iterator[int]:
        """The rows one by one, with a bar."""
        with progress(what, len(self), "sample") as bar:
            for i in range(len(self)):
                yield i
                bar.update(1)

    def rng(self, i: int) -> np.random.Generator:
        """Random numbers of row i, from the start each time: the same for every method."""
        return np.random.default_rng([self.random_seed, i])

    def plane(self, values: Array) -> Array:
        """Channels summed: one number per position."""
        axis = self.batch.channel_axis
        return values if axis is None else values.sum(axis)

    def still(self, i: int) -> Array:
        """The baseline of row i."""
        batch = self.batch.rows(slice(i, i + 1))
        return np.asarray(Feeds(self.model, self.baseline).baseline(batch, None).x[0])

    def bounds(self, i: int) -> tuple[Array, Array]:
        """The range of row i: that of its preprocessing, else from its smallest to its largest value."""
        x = self.batch.x[i]
        if self.model.preprocess is not None:
            low, high = self.model.preprocess.bounds()
            return np.minimum(low, high)[0], np.maximum(low, high)[0]
        return x.min(), x.max()

    def moved(self, i: int, points: Array) -> Batch:
        """Row i once per point, with the explained input at the points."""
        return self.batch.rows(slice(i, i + 1)).moved(self.model.explained_input.name, points)

    def score(self, i: int, points: Iterable[Array], kind: str = "logit") -> Array:
        """The score of row i's class at points like x[i], in float64 [K]; the points are made as they are needed."""
        points, found = iter(points), []
        while chunk := list(islice(points, self.scores.at_once)):
            scores = self.scores(self.moved(i, np.stack(chunk))).astype(np.float64)
            scores = probabilities(scores, self.model.canonical.alone) if kind == "probability" else scores
            found.append(scores[:, self.target[i]])
        return np.concatenate(found)


def check_kind(kind: str) -> None:
    """A score is a logit or a probability."""
    if kind not in KINDS:
        raise UsageError(f"score={kind!r}: expected {' or '.join(map(repr, KINDS))}")
