"""Predictions: what the deployed file says of inputs, as classes with their probabilities and scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain import checks
from onnxplain.engines.budget import BUSY_ROWS
from onnxplain.errors import RuntimeRefusalError
from onnxplain.guard.blame import cause
from onnxplain.guard.engine import GuardedEngine
from onnxplain.inputs.batch import Batch
from onnxplain.inputs.names import check_labels
from onnxplain.method.finite import check_scores
from onnxplain.passes.probability import probabilities
from onnxplain.probability import against, decides_alone
from onnxplain.tables import feeds_of
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.arrays import Array
    from onnxplain.feeds import Inputs
    from onnxplain.model import Model


@dataclass(frozen=True)
class Class:
    """A class of one row: its index, its name, its probability (None where the file gives none), and its score.

    A single sigmoid decides between its class and another one, which has no index, and the score of the first negated.
    """

    index: int | None
    label: str
    probability: float | None
    score: float


@dataclass(frozen=True, eq=False)
class PredictedRow:
    """What the file says of one row.

    name: where the row came from. top: the classes of the highest scores, the highest first, which is the prediction.
    outputs: what the file gives for each of its outputs.
    """

    name: str
    top: tuple[Class, ...]
    outputs: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name of the predicted class."""
        return self.top[0].label

    @property
    def probability(self) -> float | None:
        """Probability of the predicted class; None where the file gives none."""
        return self.top[0].probability

    @property
    def score(self) -> float:
        """Score of the predicted class."""
        return self.top[0].score

    def to_dict(self) -> dict[str, Any]:
        """Return name, classes, and the outputs that hold one value, such as a label, in plain JSON types."""
        single = {name: np.asarray(value) for name, value in self.outputs.items() if np.size(value) == 1}
        values = {name: value.item() for name, value in single.items() if value.dtype.kind in "biufU"}
        return {"name": self.name, "top": [asdict(each) for each in self.top], "outputs": values}

    def lines(self) -> Iterator[tuple[str, ...]]:
        """Yield the cells of each line of a table: the name in the first line, class, probability if any, score."""
        for i, each in enumerate(self.top):
            probability = () if each.probability is None else (f"{each.probability:.4g}",)
            yield "" if i else self.name, each.label, *probability, f"{each.score:.6g}"


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """What the file says of several rows. It prints as a table; it has a length, and its items are rows.

    rows: what it says of each. scores: all scores [N, C], before the final softmax. probabilities: [N, C], by the
    file's own head; None where the file gives scores alone. output: name of the output that they belong to.
    notes: what was done to the inputs.
    """

    rows: tuple[PredictedRow, ...]
    scores: Array
    probabilities: Array | None
    output: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of the predicted class of each row."""
        return tuple(row.label for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> PredictedRow:
        return self.rows[row]

    def __iter__(self) -> Iterator[PredictedRow]:
        return iter(self.rows)

    def __str__(self) -> str:
        head = ("input", "class", *(() if self.probabilities is None else ("probability",)), "score")
        return columns([head, *(line for row in self.rows for line in row.lines())])

    __repr__ = __str__


class Predictor:
    """Runs the untouched file of a model. Where the file has a head, the engine of the model computes the scores."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._feeds = feeds_of(model, None)

    @cached_property
    def _engine(self) -> GuardedEngine:
        return GuardedEngine(self._model)

    def __call__(self, x: Inputs | Batch, top: int = 5) -> Prediction:
        """Return what the file says of the rows of `x`, or of a batch that was read.

        Raises BadInputError for what cannot be read, does not fit, or does not run.
        """
        checks.whole(top=top)
        model = self._model
        batch = x if isinstance(x, Batch) else self._feeds.read(x)
        chunks = batch.chunks(BUSY_ROWS, model.fixed_batch)
        parts = [self._run(feeds, rows.stop - rows.start) for rows, _, feeds in chunks]
        scores = np.concatenate([part.scores for part in parts])
        check_labels(model.labels, scores.shape[1])
        check_scores(model, batch, scores)
        own = [part.probabilities for part in parts if part.probabilities is not None]
        found = np.concatenate(own) if len(own) == len(parts) else None
        outputs = [row for part in parts for row in part.outputs]
        rows = tuple(
            PredictedRow(name, self._top(scores[i], None if found is None else found[i], top), outputs[i])
            for i, name in enumerate(batch.names)
        )
        done = (f"preprocessing: {model.preprocess.describe()}",) if model.preprocess and batch.preprocessed else ()
        return Prediction(rows, scores, found, model.canonical.output, done + batch.notes)

    def _run(self, feeds: Mapping[str, Array], rows: int) -> _Part:
        """Return what the file says of the first `rows` rows; those behind them only fill it up."""
        model, canonical = self._model, self._model.canonical
        try:
            outputs = model.outputs(feeds)
        except RuntimeRefusalError as problem:
            raise cause(model, problem, feeds) from problem
        output = outputs[canonical.output]
        if canonical.heads:
            scores = self._engine.values(feeds, {canonical.scores})[canonical.scores]
        else:
            scores = np.asarray(output)
        found = probabilities(canonical, output, scores.shape) if canonical.heads else None
        if found is None:  # of the scores themselves or, of a label, by the activation that it was decided from
            found = model.head.probabilities(scores, canonical.rows.of_file(feeds))
        flat, given = scores.reshape(len(scores), -1), len(scores)
        return _Part(flat[:rows], None if found is None else found[:rows], _by_row(outputs, given)[:rows])

    def _top(self, scores: Array, found: Array | None, top: int) -> tuple[Class, ...]:
        """Return the classes of the highest scores of a row. found: the probabilities of the row."""
        model, order = self._model, np.argsort(-scores, kind="stable")[:top]
        p = [None if found is None else float(found[i]) for i in order]
        classes = [Class(int(i), model.label(int(i)), each, float(scores[i])) for i, each in zip(order, p, strict=True)]
        if found is None or not decides_alone(model, len(scores)):
            return tuple(classes)
        (own,) = classes
        other = Class(None, against(model), 1 - float(found[0]), -own.score)
        return tuple(sorted((own, other), key=lambda each: -each.score)[:top])


class _Part(NamedTuple):
    """What the file says of a chunk of rows: scores and probabilities [N, C], and its outputs row by row."""

    scores: Array
    probabilities: Array | None
    outputs: list[dict[str, Any]]


def _by_row(outputs: Mapping[str, Any], rows: int) -> list[dict[str, Any]]:
    """Return outputs row by row; one that has no entry for each row is the same in all of them."""
    return [{name: v[i] if np.ndim(v) and len(v) == rows else v for name, v in outputs.items()} for i in range(rows)]
