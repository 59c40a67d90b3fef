"""Answers: what runs a model that is known only by a function from rows of its input to their scores.

Nothing of such a model can be looked into, so what it answers is checked each time, and what it does to rows once: that
it answers the same row alike twice, and alike whichever rows are beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import OnnxplainError, PredictorError
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes.difference import distance
from onnxplain.passes.probability import ROUNDING
from onnxplain.rows.probe import are_apart
from onnxplain.stopping import check

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest, WalkResult
    from onnxplain.passes import Canonical

MEANINGS = ("scores", "probabilities")
"""What the numbers may be that a function answers."""

ROWS = 64
"""How many rows a function is asked for at once, at most, where nothing else is said."""

BYTES = 2**25
"""How large the rows may be, in bytes, that a function is asked for at once; a single row may be larger."""

TOLERANCE = 1e-4
"""The share of the largest score up to which two answers to the same question count as rounding."""


class Repeated(NamedTuple):
    """How far two answers to the same question were apart.

    rows: how many rows it was about. difference: the largest absolute difference; 0.0 where the bits were the same.
    scores: the largest absolute score, which it is seen against.
    """

    rows: int
    difference: float
    scores: float


@dataclass(eq=False)
class Answers:
    """A function that answers rows [n, *in] with scores [n, C], or [n] where a row has one; and what is known of it.

    function: it gets a copy of the rows. name: what messages and records call it. meaning: one of MEANINGS.
    classes: C, None until the first answer. rows, size: how many rows, and of how many bytes, it is asked for at once
    at most. tolerance: see TOLERANCE. about: what else a record says of it, such as its address.
    axes: how many axes its rows have, that of the rows included; None until the first ones came, where nobody said.
    dtype: of the scores; None until the first ones came. repeated: what came of asking twice; None before.
    """

    function: Callable[[Array], Any]
    name: str
    meaning: str
    classes: int | None = None
    rows: int = ROWS
    size: int = BYTES
    tolerance: float = TOLERANCE
    about: Mapping[str, Any] = field(default_factory=dict)
    axes: int | None = None
    dtype: np.dtype[Any] | None = field(default=None, init=False)
    repeated: Repeated | None = field(default=None, init=False)
    _apart: bool = field(default=False, init=False)

    def __call__(self, x: Array, fixed: int | None = None) -> Array:
        """Return the scores [n, C] of rows x [n, *in], asked for in parts. fixed: the only number of rows it takes.

        Raises PredictorError where it fails, where it answers no finite scores of each row, and where its answers are
        not the same twice, or depend on the rows beside a row.
        """
        self._prove(x, fixed)
        step = fixed or self.at_once(x.nbytes // max(1, len(x)))
        return np.concatenate([self._ask(x[i : i + step]) for i in range(0, len(x), step)])

    def __str__(self) -> str:
        return f"the predictor {self.name!r}"

    def at_once(self, row: int) -> int:
        """Return how many rows it is asked for at once, at most, where each has so many bytes."""
        return max(1, min(self.rows, self.size // max(1, row)))

    def to_dict(self) -> dict[str, Any]:
        """Return what a record says of it."""
        twice = None if self.repeated is None else self.repeated._asdict()
        return {"name": self.name, "meaning": self.meaning, **self.about, "repeated": twice}

    def _prove(self, x: Array, fixed: int | None) -> None:
        """Ask for the first row twice, and for two rows alone and together, where that was not done before."""
        if self.repeated is None:
            self.repeated = self._twice(x[: fixed or 1])
        other = next((row for row in range(1, len(x)) if not np.array_equal(x[0], x[row])), None)
        if self._apart or other is None or fixed == 1:
            return
        if not are_apart(lambda feeds: self._ask(feeds[""]), {"": x[:1]}, {"": x[other : other + 1]}, fixed):
            raise PredictorError(
                f"{self} answers a row otherwise where other rows are beside it: score each row by itself"
            )
        self._apart = True

    def check_same(self, first: Array, again: Array, when: str) -> float:
        """Return how far two answers to the same question are apart. Raises PredictorError for more than rounding.

        when: the second one was given, in words.
        """
        far, largest = distance(first, again), float(np.abs(first).max(initial=0.0))
        if far > self.tolerance * largest:
            raise PredictorError(
                f"{self} answers the same row otherwise {when}: by {far:.3g}, and scores reach {largest:.3g}; an "
                "explanation would mistake its chance, or its change, for what was hidden: switch off dropout and "
                "sampling, and ask one version of one model"
            )
        return far

    def _twice(self, x: Array) -> Repeated:
        first, again = self._ask(x), self._ask(x)
        far = self.check_same(first, again, "when it is asked again")
        return Repeated(len(x), far, float(np.abs(first).max(initial=0.0)))

    def _ask(self, x: Array) -> Array:
        """Return the scores of rows that are asked for at once."""
        check()
        try:
            found = np.array(self.function(x.copy()))
        except OnnxplainError:
            raise
        except Exception as problem:
            said = f"{type(problem).__name__}: {problem}"
            raise PredictorError(f"{self} failed on {len(x)} rows, {x.dtype} {list(x.shape)}: {said}") from problem
        self._check_kind(found, len(x))
        scores = found.reshape(len(x), -1).astype(found.dtype if found.dtype in ("f4", "f8") else _floats(found))
        self._check_numbers(scores)
        self.dtype = scores.dtype
        return scores

    def _check_kind(self, found: Array, rows: int) -> None:
        """Raise PredictorError for an answer of another kind or shape than scores have."""
        given = f"{self} answers {found.dtype} {list(found.shape)} for {rows} rows"
        if found.dtype.kind not in "fiu" or (found.dtype.kind != "f" and found.ndim < 2):
            raise PredictorError(
                f"{given}: expected a number for each class, [N, C], or one float for each row, and no labels; give "
                "what computes scores or probabilities, such as predict_proba"
            )
        if found.ndim not in (1, 2) or len(found) != rows or not found.size:
            raise PredictorError(f"{given}: expected [{rows}, C], or [{rows}] where a row has one score")
        count = found.shape[1] if found.ndim == 2 else 1
        if self.classes is None:
            self.classes = count
        if count != self.classes:
            raise PredictorError(f"{given}: expected {self.classes} scores a row")

    def _check_numbers(self, scores: Array) -> None:
        """Raise PredictorError for scores that are not finite, and for probabilities beyond 0 or 1."""
        bad = ~np.isfinite(scores)
        if bad.any():
            row = int(bad.any(1).argmax())
            raise PredictorError(
                f"{self} answers NaN or Inf for row {row} of the {len(scores)} that it was asked for; where parts "
                "are hidden, give value= or baseline= within the range that it can bear"
            )
        if self.meaning == "probabilities" and ((scores < -ROUNDING) | (scores > 1 + ROUNDING)).any():
            least, most = float(scores.min()), float(scores.max())
            raise PredictorError(
                f"{self} answers numbers from {least:.3g} to {most:.3g}, which are no probabilities: say "
                'meaning="scores"'
            )


def _floats(found: Array) -> type[np.floating[Any]]:
    """Return the type that numbers of another type than float32 and float64 are read as."""
    return np.float32 if found.dtype == np.float16 else np.float64


class AnsweringEngine:
    """The engine of a model that is known by its answers alone; see `onnxplain.engines.base.Engine`."""

    fallback: str | None = None
    patched = None
    providers: tuple[str, ...] = ()

    def __init__(self, answers: Answers, canonical: Canonical) -> None:
        x = canonical.graph.inputs[0]
        first, *rest = x.shape or ()
        self._answers, self._input, self._scores = answers, x.name, canonical.scores
        self._fixed = first if isinstance(first, int) else None
        row = math.prod(n for n in rest if isinstance(n, int)) * (numpy_dtype(x) or np.dtype(np.float32)).itemsize
        self.busy_rows = answers.at_once(row)

    def rows_that_fit(self, feeds: Mapping[str, Array]) -> int:  # noqa: ARG002
        """See `Engine`."""
        return self.busy_rows

    def walk(self, request: WalkRequest) -> WalkResult:  # noqa: ARG002
        """Raise PredictorError: there is no graph to walk."""
        raise PredictorError(f"{self._answers} is known by its answers alone, which no walk leads back from")

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Return the scores, and the input where it is asked for."""
        x = feeds[self._input]
        known = {self._input: x} | ({self._scores: self._answers(x, self._fixed)} if self._scores in names else {})
        return {name: known[name] for name in names}
