"""LIME: a linear model of the score, fitted near the input, on which features are shown."""

from __future__ import annotations

from dataclasses import dataclass
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
class Lime:
    """The weights of a ridge regression of the score on which features are shown, near the input.

    A feature is a superpixel of a picture or a column of a table. A sample z in {0, 1}^M says which of the M features
    are shown, each with probability 1/2; the first sample shows all of them. The weights w are those of
    (b, w) = argmin Σ π(z) (F(z) - b - w·z)² + ridge |w|², where π = sqrt(exp(-d² / width²)) is larger near the input:
    d = 1 - sqrt(|z| / M) is the cosine distance between z and the sample that shows everything. The weight of a
    superpixel is spread evenly over its pixels.

    samples: how many z. superpixels: "slic" with about `segments` of them, "quickshift" (kernel 4, distance 200, ratio
    0.2), or an array of labels like the picture. value: what is shown of a hidden feature; None takes the mean of the
    superpixel, or the baseline for a column. Source: Ribeiro et al. 2016.
    """

    samples: int = 1000
    superpixels: str | ArrayLike = "slic"
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
        """Return how many rows are scored: one for each sample."""
        return self.samples

    def explain(self, row: Row) -> PerturbationResult:
        """Draw the samples, score them, and fit the weights."""
        parts = features(row, self.superpixels, self.segments, self.value)
        keep = row.rng.integers(0, 2, (self.samples, len(parts.sizes)), np.int8).astype(bool)
        keep[0] = True
        distance = 1 - np.sqrt(keep.mean(1))
        near = np.sqrt(np.exp(-(distance**2) / self.width**2))
        return PerturbationResult(parts.spread(_ridge(keep.astype(float), parts.scores(row, keep), near, self.ridge)))


def _ridge(z: Array, scores: Array, near: Array, ridge: float) -> Array:
    """Return the weights w [m] of the ridge regression of `scores` [n] on z [n, m] with sample weights `near` [n].

    The regression has an intercept, which is not penalised.
    """
    z = z - np.average(z, 0, near)
    scores = scores - np.average(scores, weights=near)
    weighted = z.T * near
    normal = weighted @ z + ridge * np.eye(z.shape[1])
    return np.asarray(np.linalg.lstsq(normal, weighted @ scores)[0])
