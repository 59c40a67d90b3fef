"""Slopes: a gradient beside central differences of the untouched file; kinks and rounding are told from faults."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Function = Callable[[np.ndarray], np.ndarray]

STEPS = tuple(0.02 / 4**k for k in range(6))
TOLERANCE = 3e-3
"""A quotient and a gradient agree up to this share of the larger one, beside what the quotient is unsure of."""

SURE = 0.01
"""A quotient tells something of a slope where it is unsure of less than this share of the larger one."""


ORDER = ("wrong", "kink", "right", "unsure")
"""Of several findings the first of these counts."""


class Slope(NamedTuple):
    """What was found. kind: "right", "wrong", "kink" where the two sides differ, or "unsure" where nothing was told."""

    kind: str
    row: int = 0
    ours: float = 0.0
    theirs: float = 0.0
    unsure: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kind}: row {self.row}: {self.ours:.6g}, and differences say {self.theirs:.6g} ± {self.unsure:.1g}"
        )


def compare(
    f: Function, x: np.ndarray, gradient: np.ndarray, rng: np.random.Generator, rounding: float = 1.2e-7
) -> Slope:
    """Compare a gradient [N, ...] of f [N] at x along a few directions, which move all rows at once.

    Differences are of float32 values of `f`, in float64, at the points that float32 can hold. Of several steps the one
    counts whose quotient changes least as the step becomes a quarter. Where it does not agree, a gradient between
    the slopes of two sides that stay apart, however small the step, is one of a kink.
    rounding: the share up to which `f` is rounded.
    """
    here = f(x)
    noise = np.maximum(_noise(f, x, here, rng), np.abs(here) * rounding)
    found = [_along(f, x, here, gradient, direction, noise) for direction in _directions(x, gradient, rng)]
    return min(found, key=lambda each: ORDER.index(each.kind))


def _directions(x: np.ndarray, gradient: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a dense direction, the gradient's, one along its largest entry, and one along any entry, in each row."""
    yield rng.normal(size=x.shape)
    flat = np.abs(gradient).reshape(len(x), -1)
    norms = np.sqrt((flat**2).mean(1)).reshape(-1, *[1] * (x.ndim - 1))
    yield np.where(norms > 0, gradient / np.where(norms > 0, norms, 1), 0) + rng.normal(size=x.shape) * 1e-3
    for places in (flat.argmax(1), rng.integers(flat.shape[1], size=len(x))):
        direction = np.zeros(flat.shape)
        direction[np.arange(len(x)), places] = 1
        yield direction.reshape(x.shape)


def _noise(f: Function, x: np.ndarray, here: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how far f moves in each row where its input moves by rounding."""
    spread = np.zeros(len(x))
    for _ in range(2):
        jitter = (x * (1 + rng.choice([-1, 1], x.shape) * 1.2e-7)).astype(x.dtype)
        spread = np.maximum(spread, np.abs(f(jitter) - here))
    return spread


def _along(
    f: Function, x: np.ndarray, here: np.ndarray, gradient: np.ndarray, direction: np.ndarray, noise: np.ndarray
) -> Slope:
    ours, quotients, sides = [], [], []
    for step in STEPS:
        ahead, behind = (x + step * direction).astype(x.dtype), (x - step * direction).astype(x.dtype)
        after, before = f(ahead), f(behind)
        wide = (ahead.astype(np.float64) - behind) / (2 * step)  # the direction, as far as numbers can take it
        ours.append((gradient.astype(np.float64) * wide).reshape(len(x), -1).sum(1))
        quotients.append((after - before) / (2 * step))
        sides.append(((after - here) / step, (here - before) / step))
    if not np.isfinite(quotients).all():
        return Slope("unsure")
    rows = [
        _row(
            [float(each[i]) for each in ours],
            [float(each[i]) for each in quotients],
            [(float(a[i]), float(b[i])) for a, b in sides],
            float(noise[i]),
            i,
        )
        for i in range(len(x))
    ]
    return min(rows, key=lambda each: ORDER.index(each.kind))


def _row(
    slopes: list[float], quotients: list[float], sides: list[tuple[float, float]], noise: float, row: int
) -> Slope:
    """Return what the difference quotients of one row say about its slope, which is given along each step."""
    changes = [
        abs((wide - a) - (narrow - b)) for (wide, a), (narrow, b) in pairwise(zip(quotients, slopes, strict=True))
    ]
    doubts = [max(changes[k - 1 : k + 1]) + 2 * noise / STEPS[k] for k in range(1, len(changes))]
    best = int(np.argmin(doubts)) + 1
    ours, theirs, unsure = slopes[best], quotients[best], doubts[best - 1]
    larger = max(abs(ours), abs(theirs))
    told = unsure <= SURE * larger + 1e-4
    if abs(ours - theirs) <= TOLERANCE * larger + 4 * unsure + 1e-6:
        return Slope("right" if told else "unsure", row, ours, theirs, unsure)
    if _kinked(ours, sides, noise):
        return Slope("kink", row, ours, theirs, unsure)
    return Slope("wrong" if told else "unsure", row, ours, theirs, unsure)


def _kinked(ours: float, sides: list[tuple[float, float]], noise: float) -> bool:
    """Whether a slope lies between those of two sides that stay apart as the step shrinks to a sixteenth."""
    clear = [k for k, (a, b) in enumerate(sides) if abs(a - b) > 8 * noise / STEPS[k]]
    if len(clear) < 3 or clear[-1] - 2 not in clear:
        return False
    k = clear[-1]
    (a, b), (wide_a, wide_b) = sides[k], sides[k - 2]
    slack = 4 * noise / STEPS[k] + TOLERANCE * max(abs(a), abs(b))
    return abs(a - b) > 0.5 * abs(wide_a - wide_b) and min(a, b) - slack <= ours <= max(a, b) + slack
