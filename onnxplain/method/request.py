"""What a method is asked in one call, what it answers, and what every method on a model can do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book
    from onnxplain.walk.objective import Objective


@dataclass(frozen=True)
class Request:
    """What one call asks of a method.

    baseline: the call's own, a number or an array; None for that of the explainer. book: the accounts to keep.
    """

    batch: Batch
    objective: Objective
    baseline: Any = None
    book: Book | None = None

    def precise(self, precision: str) -> Request:
        """Return the request with its input in float64 where the model runs so.

        Points beside the input would be rounded in the float32 of the file.
        """
        x = self.batch.x
        exact = x.astype(np.float64) if precision == "float64" and x.dtype.kind == "f" else x
        return replace(self, batch=replace(self.batch, x=exact))

    def at(self, name: str, rows: Sequence[int], points: Array, chosen: Array) -> Request:
        """Return the request about `points`: in place of row rows[i] the explained input `name` is points[i].

        chosen: the class of each row, which its points are explained for; another one may be predicted there.
        """
        return replace(self, batch=self.batch.at(name, rows, points), objective=self.objective.at(rows, chosen))


@dataclass(frozen=True)
class Result:
    """What a method found, rows first.

    attribution: of each row. score: the target's. scores: all of them [N, C]. chosen: class index, 0 for a Neuron.
    delta: Σ attribution minus what it should sum to; None where no law says. raw: the map before it was enlarged to
    the input; None where a method has none.
    """

    attribution: Array
    score: Array
    scores: Array
    chosen: Array
    delta: Array | None = None
    raw: Array | None = None


Columns = TypeVar("Columns")
"""A dataclass of arrays, rows first; None where a column is not known."""


def first_rows(columns: Columns, rows: int) -> Columns:
    """Return the first rows of each column."""
    return type(columns)(*(None if each is None else each[:rows] for each in vars(columns).values()))


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the rows of all parts, one below the other."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*(None if column[0] is None else np.concatenate(column) for column in columns))


class Method(Protocol):
    """One method, planned on one model."""

    @property
    def spec(self) -> MethodSpec:
        """What the method is declared to be."""

    @property
    def model(self) -> Model:
        """The model that it explains."""

    @property
    def plan(self) -> Plan | None:
        """Node -> rule; None where nothing is walked."""

    @property
    def engine(self) -> GuardedEngine:
        """What runs the model and walks it."""

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the method, with the defaults and the bounds of the input among them."""

    def run(self, request: Request) -> Result:
        """Explain the rows of a request."""
