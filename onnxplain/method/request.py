"""Procedures: how a kind of method answers a request. A procedure is planned once and asked many times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from onnxplain.walk.objective import Neuron

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Batch
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book


@dataclass(frozen=True)
class Request:
    """What one call asks: rows, a target and a seed for each, the call's own baseline, and a book to keep."""

    batch: Batch
    target: Any = None
    seed: Any = None
    baseline: Any = None
    book: Book | None = None

    def precise(self, precision: str) -> Request:
        """The request in float64, where the model runs so: the file's own float32 would round points beside x."""
        x = self.batch.x
        exact = x.astype(np.float64) if precision == "float64" and x.dtype.kind == "f" else x
        return replace(self, batch=replace(self.batch, x=exact))

    def at(self, name: str, rows: Sequence[int], points: Array, chosen: Array) -> Request:
        """Row rows[i] with the explained input `name` at points[i], for its class at the row itself.

        chosen: that class, for every row; at another point another one may be predicted.
        """
        target = self.target if isinstance(self.target, Neuron) else [int(chosen[i]) for i in rows]
        seed = self.seed[list(rows)] if isinstance(self.seed, np.ndarray) and self.seed.ndim == 2 else self.seed
        return replace(self, batch=self.batch.at(name, rows, points), target=target, seed=seed)


@dataclass(frozen=True)
class Answer:
    """What is known of some rows. `raw`: the map before it was enlarged to the input, where a method has one."""

    attribution: Array
    score: Array
    scores: Array
    chosen: Array
    delta: Array | None = None
    raw: Array | None = None


Columns = TypeVar("Columns")
"""A dataclass of arrays, rows first; None where a column is not known."""


def head(columns: Columns, rows: int) -> Columns:
    """The first rows alone."""
    return type(columns)(*(None if each is None else each[:rows] for each in vars(columns).values()))


def joined(parts: Iterable[Columns]) -> Columns:
    """All rows in order."""
    whole = list(parts)
    columns = zip(*(vars(part).values() for part in whole), strict=True)
    return type(whole[0])(*(None if column[0] is None else np.concatenate(column) for column in columns))


class Procedure(Protocol):
    """One method on one model. `plan`: None where nothing is walked. `providers`: where the forward ran."""

    @property
    def plan(self) -> Plan | None: ...
    @property
    def providers(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the method, defaults and bounds of the input among them."""

    def answer(self, request: Request) -> Answer:
        """Explain the rows of a request."""


def rows_part(value: Any, rows: slice) -> Any:
    """The part that belongs to `rows` of targets in a list or of seeds in an array [N, C]."""
    if isinstance(value, np.ndarray):
        return value[rows] if value.ndim == 2 else value
    return list(value)[rows] if isinstance(value, (list, tuple)) else value
