"""What explanations are judged on: a model, its inputs, the scores that are explained, and random numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.feeds import Feeds
from onnxplain.guard.engine import GuardedEngine
from onnxplain.method.finite import check_scores
from onnxplain.method.scoring import read_value
from onnxplain.progress import progress
from onnxplain.regions import masks_of
from onnxplain.walk.neuron import Neuron
from onnxplain.walk.objective import class_indices
from onnxplain.walk.seed import own_probability, probabilities
from onnxplain.walk.target import as_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.engines.base import Engine
    from onnxplain.feeds import Inputs
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.walk.objective import Target

KINDS = ("logit", "probability")
"""What a measure may take for the score: the number before the final softmax or sigmoid, or the probability."""
FOUND = "found"
"""For a measure that counts: 1 where the class is the predicted one, and 0 elsewhere."""


@dataclass(frozen=True)
class EvaluationSet:
    """The rows that every method explains and that every measure changes.

    target: the class index of each row. baseline: a number or an array like one row. random_seed: starts every random
    generator, so that all methods meet the same random numbers. masks: of each row where its object is, booleans in the
    shape of the relevance [N, ...]; None where no measure needs them.
    """

    model: Model
    batch: Batch = field(repr=False)
    target: tuple[int, ...]
    baseline: ArrayLike | None
    random_seed: int
    engine: GuardedEngine = field(repr=False)
    masks: Array | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        model: Model,
        x: Inputs,
        target: Target | Array,
        baseline: ArrayLike | None,
        random_seed: int,
        masks: ArrayLike | None = None,
    ) -> EvaluationSet:
        """Read the inputs and choose the classes: those of `target`, or the predicted one of each row where it is None.

        Raises UsageError for a Neuron, since measures read the score of a class, and for masks that do not fit.
        """
        if isinstance(target, Neuron):
            raise UsageError("explanations are judged by the score of a class: target= takes an index, a label or None")
        feeds = Feeds(model, baseline)
        batch = feeds.read(x)
        baseline = feeds.numbers(batch, None)  # what measures put in the place of the input, methods compare with too
        engine = GuardedEngine(model)
        scores = _scores(model, engine, batch)
        check_scores(model, batch, scores)
        chosen = class_indices(as_target(target, len(batch.x), model.places), scores, model.labels)
        found = cls(model, batch, tuple(map(int, chosen)), baseline, random_seed, engine)
        return found if masks is None else replace(found, masks=masks_of(masks, found.plane(batch.x).shape))

    def __len__(self) -> int:
        return len(self.batch.x)

    @property
    def at_once(self) -> int:
        """How many rows go through one forward run, by the memory budget."""
        return self.engine.rows_that_fit(self.batch.feeds)

    def scores(self, batch: Batch) -> Array:
        """Return all scores [N, C] of a batch, before the final softmax, by forward runs alone."""
        return _scores(self.model, self.engine, batch)

    def rows(self, what: str) -> Iterator[int]:
        """Yield the index of each row, and show a progress bar with the title `what`."""
        with progress(what, len(self), "sample") as bar:
            for i in range(len(self)):
                yield i
                bar.update(1)

    def rng(self, i: int) -> np.random.Generator:
        """Return the random generator of row i at its start, so that every method meets the same numbers."""
        return np.random.default_rng([self.random_seed, i])

    def plane(self, values: Array) -> Array:
        """Return values like a batch with the channels summed: one number per row and position."""
        axis = self.batch.channel_axis
        return values if axis is None else values.sum(axis)

    def baseline_of(self, i: int) -> Array:
        """Return the baseline of row i, an array like the row."""
        batch = self.batch.rows(slice(i, i + 1))
        return np.asarray(Feeds(self.model, self.baseline).baseline(batch, None).x[0])

    def bounds(self, i: int) -> tuple[Array, Array]:
        """Return the lowest and the highest value that row i may have, to broadcast on the row.

        They follow from the preprocessing, per channel; without one they are the extremes of the row itself.
        """
        x = self.batch.x[i]
        if self.model.preprocess is not None:
            low, high = self.model.preprocess.bounds()
            return np.minimum(low, high)[0], np.maximum(low, high)[0]
        return x.min(), x.max()

    def moved(self, i: int, points: Array) -> Batch:
        """Return a batch of points [K, ...]: row i once per point, with the explained input at that point."""
        return self.batch.rows(slice(i, i + 1)).moved(self.model.explained_input.name, points)

    def score(self, i: int, points: Iterable[Array], kind: str = "logit") -> Array:
        """Return the score of row i's class at each of K points like x[i], float64 [K].

        kind: one of KINDS, or FOUND. The points may come from a generator: no more are made at a time than run at once.
        """
        points, parts = iter(points), []
        while chunk := list(islice(points, self.at_once)):
            scores = self.scores(self.moved(i, np.stack(chunk))).astype(np.float64)
            if kind == "probability" and not self.model.probable:
                scores = probabilities(scores, own_probability(self.model.independent_scores))
            own = self.target[i]
            parts.append((scores.argmax(1) == own).astype(np.float64) if kind == FOUND else scores[:, own])
        return np.concatenate(parts)


def _scores(model: Model, engine: Engine, batch: Batch) -> Array:
    scores = read_value(model, engine, batch, model.canonical.scores)
    return scores.reshape(len(scores), -1)


def check_kind(kind: str) -> None:
    """Raise UsageError where `kind` is not one of KINDS."""
    if kind not in KINDS:
        raise UsageError(f"score={kind!r}: expected {' or '.join(map(repr, KINDS))}")
