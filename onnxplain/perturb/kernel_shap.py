"""Kernel SHAP: Shapley values as a weighted regression of the score on coalitions of features."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.row import PerturbationResult
from onnxplain.perturb.superpixels import features

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class KernelShap:
    """Shapley values of superpixels, or of the columns of a table, by weighted regression on coalitions.

    A coalition z in {0, 1}^M says which of the M features are shown; the others are hidden. The values are
    φ = argmin Σ π(z) (F(z) - F(∅) - φ·z)² with π(z) = (M - 1) / (C(M, |z|) |z| (M - |z|)), under the condition that
    Σ φ = F(x) - F(∅), which therefore holds exactly.

    Where `samples` is enough for all coalitions (for M up to 11 by default) these are the exact Shapley values.
    Otherwise all coalitions of the smallest and of the largest sizes are taken, as far as that takes fewer than would
    be drawn of these sizes, and the others are drawn at random, each with its complement. The value of a superpixel is
    spread evenly over its pixels. Where `baseline` has several rows, they are a background: F is then its mean with the
    hidden features taken from each of these rows.

    samples: how many coalitions, besides the empty and the whole one. superpixels, segments, value: as in `lime`.
    Source: Lundberg & Lee 2017.
    """

    samples: int = 2048
    superpixels: str | ArrayLike = "slic"
    segments: int = 50
    value: float | str | None = None
    random_seed: int = 0
    learns: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples)
        checks.seed(random_seed=self.random_seed)

    def count(self, row: Row) -> int:
        """Return the most rows that are scored: one for each coalition and row of the background."""
        return (self.samples + 2) * (len(row.background) if self.value in (None, "baseline") else 1)

    def explain(self, row: Row) -> PerturbationResult:
        """Choose the coalitions, score them, and fit the values."""
        parts = features(row, self.superpixels, self.segments, self.value)
        m = len(parts.sizes)
        keep, weights = coalitions(m, self.samples, row.rng)
        ends = np.array([[False] * m, [True] * m])
        grounds = row.background if parts.baseline else [parts.hidden]
        shown = np.concatenate([ends, keep])
        scores = np.mean([replace(parts, hidden=each).scores(row, shown) for each in grounds], 0)
        nothing, whole = scores[:2]
        values = _constrained(keep.astype(float), scores[2:] - nothing, weights, whole - nothing)
        return PerturbationResult(parts.spread(values), due=whole - nothing)


def coalitions(m: int, samples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return coalitions of m features, bool [n, m], and their weights [n], which sum to 1.

    n is at most `samples`; the empty and the whole coalition are not among them.
    """
    sizes = list(range(1, m // 2 + 1))  # each also stands for the size of its complement, m - size
    mass = {s: (1 if 2 * s == m else 2) / (s * (m - s)) for s in sizes}
    total, left = sum(mass.values()), samples
    all_there = 2**m - 2 <= samples  # compared as whole numbers: there may be more than a float holds
    keep, weights = [np.zeros((0, m), bool)], [np.zeros(0)]
    while sizes:
        size = sizes[0]
        paired = 2 * size != m
        number = math.comb(m, size) * (1 + paired)
        if not all_there and number > left * mass[size] / sum(mass[s] for s in sizes):
            break
        some = _all_of(m, size)
        keep.append(np.concatenate([some, ~some]) if paired else some)
        weights.append(np.full(number, mass[size] / total / number))
        left -= number
        sizes.pop(0)
    if sizes and left:
        rest = np.array([mass[s] for s in sizes])
        keep.append(_draw(m, sizes, rest / rest.sum(), left, rng))
        weights.append(np.full(left, rest.sum() / total / left))
    return np.concatenate(keep), np.concatenate(weights)


def _all_of(m: int, size: int) -> Array:
    """Return every coalition of `size` of m features, bool [C(m, size), m]."""
    members = np.array(list(combinations(range(m), size)))
    some = np.zeros((len(members), m), bool)
    some[np.arange(len(members))[:, None], members] = True
    return some


def _draw(m: int, sizes: list[int], odds: Array, number: int, rng: np.random.Generator) -> Array:
    """Return `number` random coalitions, bool [number, m], each followed by its complement.

    odds: the probability of each of `sizes`.
    """
    half = -(-number // 2)
    order = rng.random((half, m)).argsort(1).argsort(1)
    some = order < rng.choice(sizes, half, p=odds)[:, None]
    return np.stack([some, ~some], 1).reshape(-1, m)[:number]


def _constrained(z: Array, gains: Array, weights: Array, whole: float) -> Array:
    """Return the φ [m] of the weighted least squares of `gains` [n] on z [n, m], under Σ φ = whole.

    The condition is met by solving for all values but the last one, which is what the others leave of `whole`.
    """
    scale = np.sqrt(weights)
    design = (z[:, :-1] - z[:, -1:]) * scale[:, None]
    first = np.linalg.lstsq(design, (gains - z[:, -1] * whole) * scale)[0]
    return np.append(first, whole - first.sum())
