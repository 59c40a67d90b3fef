"""LIME: a linear model of which features are seen, fitted to the scores near the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.row import PerturbationResult
from onnxplain.perturb.superpixels import features

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class Lime:
    """The weights of a ridge regression of the score on which features are seen, near the input.

    z in {0, 1}^M says which of M superpixels (columns of a table) are seen, drawn evenly, all of them first.
    (b, w) = argmin Σ π(z) (F(z) - b - w·z)² + ridge |w|² with π = sqrt(exp(-d² / width²)) and d = 1 - sqrt(|z| / M),
    the cosine distance from all seen. A superpixel's weight is spread evenly over its pixels.

    samples: how many z. superpixels: "slic" with `segments` of them, "quickshift" (kernel 4, distance 200, ratio 0.2),
    or labels like the picture. value: what is seen of a hidden one; None: its mean, the baseline for a table's columns.
    Source: Ribeiro et al. 2016.
    """

    samples: int = 1000
    superpixels: Any = "slic"
    segments: int = 50
    value: float | str | None = None
    width: float = 0.25
    ridge: float = 1.0
    random_seed: int = 0
    learns: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples)
        checks.seed(random_seed=self.random_seed)
        checks.real(1e-6, width=self.width)
        checks.real(ridge=self.ridge)

    def count(self, row: Row) -> int:  # noqa: ARG002
        """One row a sample."""
        return self.samples

    def explain(self, row: Row) -> PerturbationResult:
        """Draw, score, fit."""
        parts = features(row, self.superpixels, self.segments, self.value)
        keep = row.rng.integers(0, 2, (self.samples, len(parts.sizes)), np.int8).astype(bool)
        keep[0] = True
        distance = 1 - np.sqrt(keep.mean(1))
        near = np.sqrt(np.exp(-(distance**2) / self.width**2))
        return PerturbationResult(parts.spread(_ridge(keep.astype(float), parts.scores(row, keep), near, self.ridge)))


def _ridge(z: Array, scores: Array, near: Array, ridge: float) -> Array:
    """Weights w of the weighted ridge regression with an intercept, which is not penalised."""
    z = z - np.average(z, 0, near)
    scores = scores - np.average(scores, weights=near)
    weighted = z.T * near
    normal = weighted @ z + ridge * np.eye(z.shape[1])
    return np.asarray(np.linalg.lstsq(normal, weighted @ scores)[0])
