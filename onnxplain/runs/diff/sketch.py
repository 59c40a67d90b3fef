"""Statistics of a stream of numbers in memory that does not grow with it: count, mean, extremes and quantiles.

Quantiles are those of a DDSketch (Masson, Rim and Lee 2019): a number is counted in a bucket whose bounds are a factor
of (1 + ε) / (1 - ε) apart, with ε = 10⁻⁴, and a quantile is the middle of the numbers in the bucket that it falls in.
So it is at most 0.01 % of its own size from the exact one, and exact where the numbers there are equal. All numbers
below 10⁻¹² in size share a bucket. Between two numbers no value is interpolated: the quantile q of n numbers is that
of rank ⌊q (n - 1)⌋ in ascending order, from 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

ACCURACY = 1e-4
"""How far a quantile is from a number of the stream at most, as a part of it."""
QUANTILES = {"p1": 0.01, "p5": 0.05, "median": 0.5, "p95": 0.95, "p99": 0.99}
"""The quantiles that are told, by the names that they have in tables."""
_NOTHING = 1e-12
_STEP = math.log((1 + ACCURACY) / (1 - ACCURACY))
_BEYOND = 2**62
"""The power that stands for an infinite size."""


@dataclass(slots=True)
class _Bucket:
    """How many numbers fall in a bucket, and the smallest and the largest of them."""

    least: float
    most: float
    count: int = 1

    def add(self, value: float) -> None:
        self.count += 1
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass
class Sketch:
    """The statistics of the finite and infinite numbers that were added; the mean is infinite where one is."""

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    _lost: float = 0.0
    _buckets: dict[tuple[int, int], _Bucket] = field(default_factory=dict, repr=False)

    def add(self, value: float) -> None:
        """Count a number. The sum is compensated (Neumaier 1974), so that its error does not grow with the count."""
        self.count += 1
        new = self.total + value
        if math.isfinite(new):
            large, small = (self.total, value) if abs(self.total) >= abs(value) else (value, self.total)
            self._lost += (large - new) + small
        self.total = new
        self.least, self.most = min(self.least, value), max(self.most, value)
        place = _place(value)
        if place in self._buckets:
            self._buckets[place].add(value)
        else:
            self._buckets[place] = _Bucket(value, value)

    @property
    def mean(self) -> float:
        """The mean; NaN where nothing was counted."""
        return (self.total + self._lost) / self.count if self.count else math.nan

    def quantile(self, q: float) -> float:
        """Return the quantile q, 0..1; NaN where nothing was counted."""
        rank = math.floor(q * (self.count - 1))
        for place in sorted(self._buckets, key=_order):
            bucket = self._buckets[place]
            rank -= bucket.count
            if rank < 0:
                return bucket.least if bucket.least == bucket.most else (bucket.least + bucket.most) / 2
        return math.nan

    def summary(self) -> dict[str, float]:
        """Return mean, min, the quantiles and max by name."""
        between = {name: self.quantile(q) for name, q in QUANTILES.items()}
        return {"mean": self.mean, "min": self.least, **between, "max": self.most}


def _place(value: float) -> tuple[int, int]:
    """Return the sign of a number and the power of the factor below which its size lies; (0, 0) for next to nothing."""
    size = abs(value)
    if size < _NOTHING:
        return 0, 0
    return (1 if value > 0 else -1), math.ceil(math.log(size) / _STEP) if math.isfinite(size) else _BEYOND


def _order(place: tuple[int, int]) -> tuple[int, int]:
    sign, power = place
    return sign, sign * power
