"""Shapley sampling: Shapley values as the mean gain of each feature over random orders in which features are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.row import PerturbationResult
from onnxplain.perturb.superpixels import features

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class ShapleySampling:
    """Shapley values of superpixels, or of the columns of a table, as mean gains over random orders.

    The features are shown one after another, in an order that is drawn anew each time, and φᵢ is the mean over the
    orders of F(those before i, and i) - F(those before i). The mean is unbiased for any number of orders, and its
    standard error falls with the root of that number; Σ φ = F(x) - F(∅) holds exactly. Where `samples` is enough for
    all orders (M! of them for M features), each is taken once, and the values are exact. The value of a superpixel is
    spread evenly over its pixels. Where `baseline` has several rows, F is its mean over them, as in `kernel_shap`.

    samples: how many orders; each costs M - 1 runs of the model. superpixels, segments, value: as in `lime`.
    Source: Castro et al. 2009.
    """

    samples: int = 50
    superpixels: str | ArrayLike = "slic"
    segments: int = 50
    value: float | str | None = None
    random_seed: int = 0
    learns: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples)
        checks.seed(random_seed=self.random_seed)

    def count(self, row: Row) -> int:
        """Return how many rows are scored: M - 1 for each order and row of the background, and the two ends of each."""
        m = len(features(row, self.superpixels, self.segments, self.value).sizes)
        grounds = len(row.background) if self.value in (None, "baseline") else 1
        return (len(_orders(m, self.samples, np.random.default_rng(0))) * (m - 1) + 2) * grounds

    def explain(self, row: Row) -> PerturbationResult:
        """Draw the orders, score what each shows step by step, and take the mean of the gains."""
        parts = features(row, self.superpixels, self.segments, self.value)
        orders = _orders(len(parts.sizes), self.samples, row.rng)
        grounds = row.background if parts.baseline else [parts.hidden]
        found = [_gains(orders, partial(replace(parts, hidden=each).scores, row)) for each in grounds]
        values, due = (np.mean(each, 0) for each in zip(*found, strict=True))
        return PerturbationResult(parts.spread(values), due=float(due))


def _orders(m: int, samples: int, rng: np.random.Generator) -> Array:
    """Return orders of m features, whole numbers [n, m]: all of them where they are not more than `samples`."""
    if m < 20 and math.factorial(m) <= samples:
        return np.array(list(permutations(range(m))))
    return np.argsort(rng.random((samples, m)), 1)


def _gains(orders: Array, score: Callable[[Array], Array]) -> tuple[Array, float]:
    """Return the mean gain of each feature [m], and the score of all features less that of none.

    score: of coalitions, bool [n, m].
    """
    count, m = orders.shape
    nothing, whole = score(np.array([[False] * m, [True] * m]))
    place = np.argsort(orders, 1)
    keep = place[:, np.newaxis] < np.arange(1, m)[:, np.newaxis]  # [order, step, feature]
    steps = score(keep.reshape(-1, m)).reshape(count, m - 1) if m > 1 else np.empty((count, 0))
    ends = np.full((count, 1), nothing), np.full((count, 1), whole)
    gains = np.diff(np.concatenate([ends[0], steps, ends[1]], 1), axis=1)
    return np.take_along_axis(gains, place, 1).mean(0), float(whole - nothing)
