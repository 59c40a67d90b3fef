"""The result of comparing two runs: how far they are apart in all, by class, and on the worst rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.diff.row_diff import MAPS, QUANTITIES, row_diff
from onnxplain.runs.diff.sketch import ACCURACY
from onnxplain.strict_json import strict
from onnxplain.text import columns, offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from PIL import Image

    from onnxplain.runs.diff.pairs import Pairs
    from onnxplain.runs.diff.row_diff import RowDiff
    from onnxplain.runs.diff.tally import Missing, Tally

TOLD = ("mean", "min", "p5", "median", "p95", "max")
"""The statistics that the table for people has."""
CLASSES = 20
"""So many classes the table for people has at most, those with the lowest correlation."""
_ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}
_FIGURES = ("changed", "score_change", *MAPS)


@dataclass(frozen=True, eq=False, repr=False)
class Diff:
    """How far a run B is from a run A, input by input. It prints as tables.

    names: of A and B. rows: how many inputs both runs have. compared: those whose maps explain the same class in both,
    of which alone the maps are compared. explained_for: in words, which class that is. left_a: the rows of A that are
    not compared, because B has no such input or one of the two could not explain it; left_b: the inputs that A lacks.
    worst: the rows with the lowest correlation of ranks, those with maps of two classes first. extremes: by quantity,
    the rows with its smallest and its largest value. runs: both runs, which `each` reads again.
    """

    names: tuple[str, str]
    explained_for: str
    runs: Pairs = field(repr=False)
    left_a: Missing
    left_b: Missing
    _tally: Tally = field(repr=False)

    @property
    def rows(self) -> int:
        """How many inputs both runs have."""
        return self._tally.rows

    @property
    def compared(self) -> int:
        """How many of them have maps for the same class."""
        return self._tally.compared

    @property
    def worst(self) -> list[RowDiff]:
        """The worst rows, the worst one first."""
        return self._tally.worst

    @property
    def extremes(self) -> Mapping[str, tuple[RowDiff, RowDiff]]:
        """By quantity, the rows with its smallest and its largest value."""
        return self._tally.worst_of

    @property
    def missing(self) -> int:
        """How many rows are not compared."""
        return self.left_a.count + self.left_b.count

    def of(self, quantity: str) -> dict[str, float]:
        """Return mean, min, p1, p5, median, p95, p99 and max of a quantity over the rows; NaN where no row has it.

        Quantiles are at most 0.01 % of their size from the exact ones; see `onnxplain.runs.diff.sketch`.
        Raises UsageError for an unknown quantity.
        """
        if quantity not in QUANTITIES:
            raise UsageError(f"no quantity {quantity!r}; {offer(quantity, QUANTITIES)}")
        sketch = self._tally.quantities[quantity]
        return sketch.summary() if sketch.count else dict.fromkeys(sketch.summary(), math.nan)

    @property
    def classes(self) -> dict[str, dict[str, float | None]]:
        """By the class that A explains: the number of rows, and the mean of each quantity; None where no row has it."""
        return {
            name: {"rows": float(means["changed"].count), **{key: mean.value for key, mean in means.items()}}
            for name, means in self._tally.classes.items()
        }

    def each(self) -> Iterator[RowDiff]:
        """Yield each row of the comparison in the order of A; both runs are read again."""
        return (row_diff(a, b, self.runs.classes) for a, b in self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the single rows in plain JSON types; `not_finite` names the numbers that are None."""
        found = {
            "a": self.names[0],
            "b": self.names[1],
            "explained_for": self.explained_for,
            "rows": self.rows,
            "compared": self.compared,
            "left_a": {"rows": self.left_a.count, "named": dict(self.left_a.named)},
            "left_b": {"rows": self.left_b.count, "named": dict(self.left_b.named)},
            "quantile_accuracy": ACCURACY,
            "quantities": {name: self.of(name) for name in QUANTITIES},
            "classes": self.classes,
            "worst": [row.to_dict() for row in self.worst],
        }
        return dict(strict(found))

    def to_json(self, path: str | Path | None = None) -> str:
        """Return `to_dict` as JSON text, and write it to `path` where one is given, whole or not at all."""
        from onnxplain.runs.written import as_json

        return as_json(self, path)

    def picture(self, **style: Any) -> Image.Image:
        """Return the worst rows, side by side: the input, both maps in one scale, and what B has more than A.

        style: how it is drawn, see `onnxplain.show.style.Style`.
        """
        from onnxplain.runs.diff.files import page_of

        return page_of(self, style).image()

    def save(self, path: str | Path, **style: Any) -> None:
        """Write a .png, .pdf or .svg of the worst rows, a .csv with a line for each row, or a .json of `to_dict`."""
        from onnxplain.runs.diff.files import save

        save(self, path, style)

    def __str__(self) -> str:
        a, b = self.names
        head = f"{b} against {a}: {self.rows} rows, {self.explained_for}"
        apart = self.rows - self.compared
        lines = [head] + ([f"{apart} rows explain two classes; their maps are not compared"] if apart else [])
        body = ["\n".join(lines), columns(self._statistics())]
        if len(self._tally.classes) > 1:
            body.append(columns(self._by_class()))
        for name, missing in zip(self.names, (self.left_a, self.left_b), strict=True):
            if missing.count:
                body.append("\n  ".join([f"{missing.count} rows of {name} are not compared:", *missing.lines()]))
        return "\n\n".join(body)

    __repr__ = __str__

    def _statistics(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [("", *TOLD)]
        for name in _FIGURES:
            values = self.of(name)
            rows.append((name + _ARROWS[QUANTITIES[name]], *(_cell(values[each]) for each in TOLD)))
        return rows

    def _by_class(self) -> list[tuple[str, ...]]:
        rows = [("class", "rows", *_FIGURES)]
        order = sorted(self.classes.items(), key=lambda item: math.inf if (r := item[1]["spearman"]) is None else r)
        for name, means in order[:CLASSES]:
            rows.append((name, f"{means['rows']:.0f}", *(_cell(means[each]) for each in _FIGURES)))
        if len(order) > CLASSES:
            rows.append((f"and {len(order) - CLASSES} more", *[""] * (len(_FIGURES) + 1)))
        return rows


def _cell(value: float | None) -> str:
    """Return a number in four digits; what is 1 but for rounding is not told as 1."""
    if value is None or math.isnan(value):
        return ""
    text = f"{value:.4g}"
    return f"1-{1 - value:.0e}" if text == "1" and value < 1 else text
