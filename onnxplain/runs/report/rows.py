"""What a report shows of a run: distributions, classes, and a few rows, gathered in one reading of the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from onnxplain.arrays import Array
    from onnxplain.runs.read import Row, Run


@dataclass
class Class:
    """The rows of one explained class. total: the sum of their maps; None where these have several shapes."""

    name: str
    rows: int = 0
    score: float = 0.0
    total: Array | None = None
    shapes: set[tuple[int, ...]] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Count a row. Each map counts alike: it is divided by its largest |R|."""
        self.rows += 1
        self.score += row.score
        self.shapes.add(row.relevance.shape)
        if len(self.shapes) > 1:
            self.total = None
            return
        largest = float(np.abs(row.relevance).max(initial=0.0))
        unit = row.relevance.astype(np.float64) / (largest or 1.0)
        self.total = unit if self.total is None else self.total + unit


@dataclass(frozen=True, eq=False)
class Seen:
    """What was read of a run.

    index, score, probability, gap: of each row; NaN where it has none. classes: those explained, by name. at: the index
    of each row that was looked for by its name.
    """

    index: Array
    score: Array
    probability: Array
    gap: Array
    classes: dict[str, Class]
    at: dict[str, int]


def read(run: Run, wanted: Container[str] = ()) -> Seen:
    """Return what a report shows of a run. wanted: the names of rows whose index is looked for."""
    columns: list[tuple[float, ...]] = []
    classes: dict[str, Class] = {}
    at: dict[str, int] = {}
    for row in run.rows():
        if row.name in wanted:
            at[row.name] = row.index
        columns.append((row.index, row.score, _or_nan(row.probability), _or_nan(row.gap)))
        classes.setdefault(row.label, Class(row.label)).add(row)
    index, score, probability, gap = np.array(columns, np.float64).reshape(-1, 4).T
    return Seen(index.astype(np.int64), score, probability, gap, classes, at)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def chosen(seen: Seen, worst: Mapping[int, str]) -> dict[int, str]:
    """Return the rows to show, by index, each with the reason: those of `worst`, and the surest and least sure ones.

    worst: reasons by the index of a row, such as that it is the worst one of a gate.
    """
    found = dict(worst)
    sure = seen.probability if np.isfinite(seen.probability).any() else seen.score
    order = seen.index[np.argsort(sure, kind="stable")][: np.isfinite(sure).sum()]
    if len(order):
        what = "probability" if sure is seen.probability else "score"
        for why, at in ((f"lowest {what}", 0), (f"median {what}", len(order) // 2), (f"highest {what}", -1)):
            found.setdefault(int(order[at]), why)
    return found
