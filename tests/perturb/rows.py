"""Subjects for tests: a row behind any function of NumPy, in float64."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Plain:
    """F is `f`, of one row; `slope` its derivative. Counts the rows that were asked for."""

    x: np.ndarray
    f: object
    slope: object = None
    baseline: np.ndarray = None
    background: np.ndarray = None
    channel_axis: int | None = None
    named: bool = False
    at_once: int = 7
    seed: int = 0
    asked: list = field(default_factory=list)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.baseline = np.zeros_like(self.x) if self.baseline is None else self.baseline
        self.background = self.baseline[None] if self.background is None else self.background

    def score(self, rows):
        assert rows.shape[1:] == self.x.shape and rows.dtype == self.x.dtype
        assert len(rows) <= self.at_once, "more rows at once than fit"
        self.asked.append(len(rows))
        return np.array([self.f(row) for row in rows], float)

    def gradient(self, rows):
        self.asked.append(len(rows))
        return np.array([self.f(row) for row in rows]), np.stack([self.slope(row) for row in rows])


def picture(shape=(3, 12, 10), seed=0):
    """A random row with channels first."""
    return np.random.default_rng(seed).normal(size=shape)


def linear(x, seed=1):
    """Weights like x, and the function w·x."""
    w = np.random.default_rng(seed).normal(size=x.shape)
    return w, lambda row: float((w * row).sum())
