"""Conservation: how much of what is explained arrived where it is attributed to, and what took the rest.

LRP shares the seed of the walk, by default the score, out among the inputs; biases and the stabiliser keep their part
of it. Methods that compare with a baseline share out a difference of the score, and none of it should be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book

NOISE = 1e-6
"""What is due counts as 0 where it is below this part of the sum of all |attribution|: it is their rounding."""
LITTLE = 0.01
"""The share below which next to nothing of what is explained is in the attributions."""
WORDS = {
    "bias": "biases",
    "eps": "the stabiliser",
    "lost": "denominators of 0",
    "constants": "constant operands",
    "gap": "rounding",
}
"""What takes relevance, as the columns of the book call it, and in words."""


@dataclass(frozen=True, eq=False)
class Conservation:
    """What became of the number that a method shares out among the inputs, rows first.

    of, at: what that number is, and where it should arrive, in words. due: the number [N].
    arrived: the share of it that the attributions sum to [N], which is delta / due + 1; NaN where nothing is due.
    takers: what may take relevance on the way, in the words of the book's columns.
    took: the share that each of them took, of all rows together; None where no book was kept.
    """

    of: str
    at: str
    due: Array
    arrived: Array
    takers: tuple[str, ...] = ()
    took: Mapping[str, float] | None = field(default=None)

    def line(self, row: int) -> str:
        """Return in one line how much of a row's number arrived, and what took the rest."""
        share = float(self.arrived[row])
        if not np.isfinite(share):
            return f"{self.of} is 0, so no share of it can arrive at {self.at}"
        return f"{percent(share)} of {self.of} arrived at {self.at}{self._rest(share)}"

    def _rest(self, share: float) -> str:
        if percent(share) == percent(1.0):
            return ""
        if self.took is None:
            names = " and ".join(WORDS[each] for each in self.takers)
            return f"; {names} took {percent(1 - share)}" if names else ""
        parts = [f"{WORDS[name]} took {percent(each)}" for name, each in self.took.items() if abs(each) >= NOISE]
        rows = "of all rows " if len(self.due) > 1 else ""
        return f"; {rows}{', '.join(parts)}" if parts else ""

    def of_rows(self, rows: list[int]) -> Conservation:
        """Return it for some rows alone; what took the rest is known of all rows together only."""
        return replace(self, due=self.due[rows], arrived=self.arrived[rows], took=None)

    @property
    def least(self) -> int | None:
        """The row of which the least arrived, where that is next to nothing; else None."""
        known = np.where(np.isfinite(self.arrived), self.arrived, np.inf)
        row = int(known.argmin())
        return row if known[row] < LITTLE else None

    def to_dict(self) -> dict[str, Any]:
        """Return it for a record."""
        share = [float(each) if np.isfinite(each) else None for each in self.arrived]
        took = None if self.took is None else dict(self.took)
        due, names = self.due.tolist(), list(self.takers)
        return {"of": self.of, "at": self.at, "due": due, "arrived": share, "takers": names, "took": took}


def conservation(
    attribution: Array, delta: Array, of: str, at: str, plan: Plan | None, book: Book | None
) -> Conservation:
    """Return what became of the number that Σ attribution - delta is, for each row.

    of, at: what it is, and where it should arrive, in words. book: the accounts of all rows, where they were kept.
    """
    flat = attribution.reshape(len(attribution), -1)
    sums = flat.sum(1, dtype="float64")
    due = sums - delta
    seen = np.abs(due) > NOISE * np.abs(flat).sum(1, dtype="float64")
    arrived = np.divide(sums, due, out=np.full(len(due), np.nan), where=seen)
    took = None
    if book is not None and due.sum():
        whole = float(due.sum())
        took = {name: sum(getattr(entry, name) for entry in book.entries) / whole for name in WORDS}
    return Conservation(of, at, due, arrived, takers(plan), took)


def takers(plan: Plan | None) -> tuple[str, ...]:
    """Return what may take relevance in a walk of this plan, in the words of the book's columns."""
    found = {each for node, rule in (plan.steps if plan else ()) for each in rule.takers(node)}
    return tuple(name for name in WORDS if name in found)


def percent(share: float) -> str:
    """Return a share in percent, with four digits.

    >>> percent(0.99986), percent(0.0001389), percent(-0.0476)
    ('99.99 %', '0.01389 %', '-4.76 %')
    """
    return f"{100 * share:.4g} %"
