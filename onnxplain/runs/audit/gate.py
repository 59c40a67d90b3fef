"""Gates: statements that must hold of a run, each a figure, a bound on it, and the row nearest to breaking it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.strict_json import strict

if TYPE_CHECKING:
    from onnxplain.arrays import Array

OVER = ("mean", "median", "worst")
"""How the numbers of the rows become one figure."""
HEAD = ("", "gate", "figure", "expected", "worst row")
"""The head of a table of findings."""


@dataclass(frozen=True)
class Bound:
    """What a figure must be: at least one number, at most another one, or both."""

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.at_least, self.at_most) if each is not None]
        if not given:
            raise UsageError("no bound: expected at_least, at_most or both")
        if not all(isinstance(each, (int, float)) and math.isfinite(checks.number(each)) for each in given):
            raise UsageError(f"{' and '.join(map(repr, given))}: expected numbers that are finite")
        if len(given) == 2 and given[0] > given[1]:
            raise UsageError(f"{self}: nothing is both")

    def holds(self, figure: float) -> bool:
        """Whether a figure is inside; what is not finite never is."""
        low = -math.inf if self.at_least is None else self.at_least
        return math.isfinite(figure) and low <= figure <= (math.inf if self.at_most is None else self.at_most)

    def worst(self, numbers: Array) -> int:
        """Return the place of the number that is nearest to breaking the bound, or farthest beyond it; NaN is worst."""
        over = np.full(len(numbers), -math.inf)
        if self.at_least is not None:
            over = np.maximum(over, self.at_least - numbers)
        if self.at_most is not None:
            over = np.maximum(over, numbers - self.at_most)
        return int(np.argmax(np.where(np.isnan(numbers), math.inf, over)))

    def __str__(self) -> str:
        parts = {"at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{word} {value}" for word, value in parts.items() if value is not None)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a gate's measure found.

    names: of the rows that were measured, "" for one without. numbers: one for each of them, float64 [N]. unit: what
    the number is, in words. left_out: how many rows were not measured, and why; "" for none.
    """

    names: list[str]
    numbers: Array
    unit: str
    left_out: str = ""


@dataclass(frozen=True)
class Finding:
    """What became of a gate.

    gate: its name in the audit. measure: what was measured. figure: over all rows, as `over` says. rows: how many were
    measured. worst: the name of the row that is nearest to breaking the bound, and its number; None where there is no
    row. left_out: how many rows were not measured, and why.
    """

    gate: str
    measure: str
    unit: str
    figure: float
    over: str
    bound: Bound
    rows: int
    worst: tuple[str, float] | None = None
    left_out: str = ""

    @property
    def passed(self) -> bool:
        """Whether the figure is inside the bound."""
        return self.bound.holds(self.figure)

    @property
    def cells(self) -> tuple[str, ...]:
        """The finding as the cells of a table, see `HEAD`."""
        worst = f"{self.worst[0]}: {self.worst[1]:.4g}" if self.worst else ""
        verdict = "passed" if self.passed else "FAILED"
        return verdict, self.gate, f"{self.figure:.4g}", str(self.bound), worst

    @property
    def said(self) -> str:
        """What was measured, over how many rows, and what was left out."""
        return f"{self.over} of {self.rows}: {self.unit}" + (f"; {self.left_out}" if self.left_out else "")

    def __str__(self) -> str:
        verdict, gate, figure, bound, worst = self.cells
        at = f"; worst {worst}" if worst else ""
        return f"{gate} {verdict}: {figure}, expected {bound}{at}; {self.said}"

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types; a figure that is not finite is None, and `not_finite` names it."""
        return dict(
            strict(
                {
                    "gate": self.gate,
                    "measure": self.measure,
                    "passed": self.passed,
                    "figure": self.figure,
                    "unit": self.unit,
                    "over": self.over,
                    "at_least": self.bound.at_least,
                    "at_most": self.bound.at_most,
                    "rows": self.rows,
                    "worst": None if self.worst is None else {"name": self.worst[0], "number": self.worst[1]},
                    "left_out": self.left_out,
                }
            )
        )


def judge(gate: str, measure: str, found: Measured, bound: Bound, over: str) -> Finding:
    """Return what becomes of a gate by what was measured.

    over: a word of OVER. Raises UsageError where no row was measured: a gate that saw nothing says nothing.
    """
    numbers = np.asarray(found.numbers, np.float64)
    if not len(numbers):
        why = f": {found.left_out}" if found.left_out else ""
        raise UsageError(f"gate {gate!r} has no row to measure{why}")
    at = bound.worst(numbers)
    figures = {"mean": numbers.mean(), "median": np.median(numbers), "worst": numbers[at]}
    worst = (found.names[at], float(numbers[at])) if found.names[at] else None
    return Finding(
        gate, measure, found.unit, float(figures[over]), over, bound, len(numbers), worst, left_out=found.left_out
    )
