"""Gates: bounds on statistics of a comparison, such as a mean of Spearman's correlation of at least 0.9."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxplain.errors import UsageError
from onnxplain.runs.diff.row_diff import QUANTITIES
from onnxplain.runs.diff.sketch import QUANTILES
from onnxplain.text import offer

if TYPE_CHECKING:
    from onnxplain.runs.diff.result import Diff

GATE = "[STATISTIC:]QUANTITY=VALUE"
"""How a gate is written; without a statistic it is for the mean."""
STATISTICS = ("mean", "min", *QUANTILES, "max")
AT_LEAST, AT_MOST = "at_least", "at_most"


@dataclass(frozen=True)
class Gate:
    """A bound on a statistic of a quantity. holds: "at_least" or "at_most"."""

    quantity: str
    bound: float
    holds: str
    statistic: str = "mean"

    def value(self, diff: Diff) -> float:
        """Return the figure that the bound is for; NaN where no row has the quantity."""
        return diff.of(self.quantity)[self.statistic]

    def passes(self, diff: Diff) -> bool:
        """Whether the figure is within the bound; NaN never is."""
        inside = {AT_LEAST: operator.ge, AT_MOST: operator.le}[self.holds]
        return bool(inside(self.value(diff), self.bound))

    def line(self, diff: Diff) -> str:
        """Return the figure, the bound, and the row that is farthest on the wrong side, as a line for people."""
        value, said = self.value(diff), f"{self.holds.replace('_', ' ')} {self.bound:g}"
        figure = "no row has one" if math.isnan(value) else f"is {value:.6g}"
        rows = diff.extremes.get(self.quantity)
        worst = None if rows is None else rows[0 if self.holds == AT_LEAST else 1]
        row = "" if worst is None else f"; {worst.name} has {worst.value(self.quantity):.6g}"
        return f"{self.statistic} of {self.quantity} {figure}, expected {said}{row}"


def read_gate(text: str, holds: str) -> Gate:
    """Read a gate as it is written: QUANTITY=VALUE for the mean, or STATISTIC:QUANTITY=VALUE.

    Raises UsageError, which names the option, for another quantity or statistic, and for what is no number.
    """
    name, equals, bound = text.partition("=")
    statistic, colon, quantity = name.rpartition(":")
    option = "--" + holds.replace("_", "-")
    if quantity not in QUANTITIES:
        raise UsageError(f"{option} {text}: no quantity {quantity!r}; {offer(quantity, QUANTITIES)}")
    if colon and statistic not in STATISTICS:
        raise UsageError(f"{option} {text}: no statistic {statistic!r}; {offer(statistic, STATISTICS)}")
    try:
        value = float(bound if equals else "")
    except ValueError as problem:
        raise UsageError(f"{option} {text}: expected {GATE}, such as {quantity}=0.5") from problem
    return Gate(quantity, value, holds, statistic or "mean")
