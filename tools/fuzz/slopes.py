"""Slopes: a gradient beside central differences of the untouched file; kinks and rounding are told from faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Function = Callable[[np.ndarray], np.ndarray]

STEPS = (1e-2, 1e-3, 5e-2, 3e-4, 2e-1)
TOLERANCE = 0.02
"""A difference quotient and a gradient agree up to this share of the larger one, beside rounding."""


class Slope(NamedTuple):
    """What was found in one direction. kind: "right", "kink" where the two sides differ, or "wrong"."""

    kind: str
    row: int = 0
    ours: float = 0.0
    theirs: float = 0.0
    step: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kind}: row {self.row}: {self.ours:.6g}, and differences say {self.theirs:.6g} (step {self.step:g})"
        )


def compare(f: Function, x: np.ndarray, gradient: np.ndarray, rng: np.random.Generator) -> Slope:
    """Compare a gradient [N, ...] of f [N] at x along a few directions, which move all rows at once.

    Differences are of float32 values of `f`, in float64, at the points that float32 can hold. Several steps are tried.
    Where none agrees, a gradient that lies between the slopes of the two sides is one of a kink, which is right.
    """
    here = f(x)
    noise = _noise(f, x, here, rng)
    worst = Slope("right")
    for direction in _directions(x, gradient, rng):
        found = _along(f, x, here, gradient, direction, noise)
        if found.kind == "wrong":
            return found
        if found.kind == "kink":
            worst = found
    return worst


def _directions(x: np.ndarray, gradient: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a dense direction, one along the largest entry of the gradient, one along some entry, in each row."""
    yield rng.normal(size=x.shape)
    flat = np.abs(gradient).reshape(len(x), -1)
    for places in (flat.argmax(1), rng.integers(flat.shape[1], size=len(x))):
        direction = np.zeros(flat.shape)
        direction[np.arange(len(x)), places] = 1
        yield direction.reshape(x.shape)


def _noise(f: Function, x: np.ndarray, here: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return how far f moves in each row where its input moves by rounding."""
    spread = np.abs(here) * 2e-7
    for _ in range(2):
        jitter = (x * (1 + rng.choice([-1, 1], x.shape) * 2.4e-7)).astype(x.dtype)
        spread = np.maximum(spread, np.abs(f(jitter) - here))
    return spread


def _along(
    f: Function, x: np.ndarray, here: np.ndarray, gradient: np.ndarray, direction: np.ndarray, noise: np.ndarray
) -> Slope:
    open_ = np.ones(len(x), bool)
    kinked = np.zeros(len(x), bool)
    last = Slope("right")
    for step in STEPS:
        ahead, behind = (x + step * direction).astype(x.dtype), (x - step * direction).astype(x.dtype)
        after, before = f(ahead), f(behind)
        wide = ahead.astype(np.float64) - behind
        ours = (gradient.astype(np.float64) * wide).reshape(len(x), -1).sum(1) / (2 * step)
        theirs = (after - before) / (2 * step)
        allowed = TOLERANCE * np.maximum(np.abs(ours), np.abs(theirs)) + 4 * noise / step + 1e-6
        sides = np.sort([(after - here) / step, (here - before) / step], axis=0)
        kinked |= (sides[0] - allowed <= ours) & (ours <= sides[1] + allowed) & (sides[1] - sides[0] > allowed)
        agree = np.abs(ours - theirs) <= allowed
        open_ &= ~agree
        if not open_.any():
            return Slope("right")
        row = int(np.flatnonzero(open_)[0])
        last = Slope("wrong", row, float(ours[row]), float(theirs[row]), step)
        if not np.isfinite(theirs[open_]).all():
            return last._replace(kind="kink")
    return last._replace(kind="kink") if (kinked | ~open_).all() else last
