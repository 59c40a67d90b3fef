"""What is counted while the rows of two runs are compared: statistics of all and by class, and the worst rows.

The memory does not grow with the number of rows: it holds sketches of each quantity, means by class, a few rows, and
the first names of those that are missing.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from onnxplain.runs.diff.row_diff import QUANTITIES, RowDiff
from onnxplain.runs.diff.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = 20
"""So many of the rows without a partner are named; of the others, their number is."""


@dataclass
class Mean:
    """A mean of numbers as they come; None where there were none."""

    count: int = 0
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count a number."""
        self.count += 1
        self.total += value

    @property
    def value(self) -> float | None:
        """The mean."""
        return self.total / self.count if self.count else None


@dataclass
class Missing:
    """Rows of one run that are not compared: how many, and the first of them, each with the reason."""

    count: int = 0
    named: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, why: str) -> None:
        """Count a row."""
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append((name, why))

    def lines(self) -> Iterator[str]:
        """Yield a line for each row that is named, and one for the others."""
        yield from (f"{name}: {why}" for name, why in self.named)
        if self.count > len(self.named):
            yield f"and {self.count - len(self.named)} more"


@dataclass
class Tally:
    """Statistics of the rows that were compared so far. most: how many of the worst rows are kept."""

    most: int
    rows: int = 0
    compared: int = 0
    quantities: dict[str, Sketch] = field(default_factory=lambda: {name: Sketch() for name in QUANTITIES})
    classes: dict[str, dict[str, Mean]] = field(default_factory=dict)
    worst_of: dict[str, tuple[RowDiff, RowDiff]] = field(default_factory=dict)
    _heap: list[tuple[float, int, RowDiff]] = field(default_factory=list, repr=False)
    _order: Iterator[int] = field(default_factory=count, repr=False)

    def add(self, row: RowDiff) -> None:
        """Count a row."""
        self.rows += 1
        self.compared += row.alike is not None
        by_class = self.classes.setdefault(row.target, {name: Mean() for name in QUANTITIES})
        for name in QUANTITIES:
            value = row.value(name)
            if value is None:
                continue
            sketch = self.quantities[name]
            low, high = self.worst_of.get(name, (row, row))
            self.worst_of[name] = row if value < sketch.least else low, row if value > sketch.most else high
            sketch.add(value)
            by_class[name].add(value)
        # the heap has the best of the worst rows on top; of equal ones, the later row goes first
        entry = (-row.rank, -next(self._order), row)
        if len(self._heap) < self.most:
            heapq.heappush(self._heap, entry)
        elif self._heap:
            heapq.heappushpop(self._heap, entry)

    @property
    def worst(self) -> list[RowDiff]:
        """The worst rows, the worst one first; of equal ones, the first ones."""
        return [row for _, _, row in sorted(self._heap, reverse=True)]
