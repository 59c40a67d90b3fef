"""Samplers: at which points a method that averages walks, and how much each point counts.

A sampler draws samples of one row x. The attribution is the weighted mean over them of factor · walk(point, baseline),
or the variance. Each field of a sampler is a parameter of the method. Random numbers come from a generator that is
seeded anew for each row of each call, so that a row gets the same ones whatever rows lie beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from onnxplain import checks
from onnxplain.method.quadrature import legendre

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array


@dataclass(frozen=True)
class Sample:
    """One point to walk at.

    weight: its share of the mean. factor: what the attribution of the walk is multiplied by. baseline: that of the
    walk, where it is the sample's own.
    """

    point: Array
    weight: float
    factor: Array | float = 1.0
    baseline: Array | None = None


class Sampler(Protocol):
    """How samples are drawn.

    spread: whether the attribution is the variance over the samples, and not their mean. crosses: whether every
    baseline serves every row; otherwise each row has its own. moves: whether points lie beside x, or between it and a
    baseline, so that the input has to be one of floats. of: name of the walk. random_seed: what the generator starts
    from.
    """

    crosses: ClassVar[bool]
    moves: ClassVar[bool]

    @property
    def spread(self) -> bool: ...
    @property
    def of(self) -> str: ...
    @property
    def random_seed(self) -> int: ...
    def count(self, baselines: int) -> int:
        """Return how many samples `draw` yields for this number of baselines."""

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield samples of one row x [...], given baselines [B, ...]; their weights sum to 1."""


@dataclass(frozen=True)
class GaussLegendre:
    """Gradients integrated along the straight line from the baseline, times the difference from it.

    (x - x₀) ∫₀¹ ∇f(x₀ + t (x - x₀)) dt by `steps` Gauss-Legendre points, exact where the gradient is a polynomial in t
    of degree 2 steps - 1. Source: Sundararajan et al. 2017.
    """

    steps: int = 50
    of: ClassVar[str] = "gradient"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = False
    moves: ClassVar[bool] = True
    random_seed: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(steps=self.steps)

    def count(self, baselines: int) -> int:
        """Return the number of points on the lines from all baselines."""
        return self.steps * baselines

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:  # noqa: ARG002
        """Yield each point on the line from each baseline."""
        points, weights = legendre(self.steps)
        for baseline in baselines:
            way = _difference(x, baseline)
            for t, weight in zip(points, weights / len(baselines), strict=True):
                yield Sample(_moved(baseline, t * way), weight, way)


@dataclass(frozen=True)
class ExpectedGradients:
    """Integrated gradients in expectation over baselines: a random point on the line from a random one per sample.

    Source: Erion et al. 2021.
    """

    samples: int = 200
    random_seed: int = 0
    of: ClassVar[str] = "gradient"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = True
    moves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples)
        checks.seed(random_seed=self.random_seed)

    def count(self, baselines: int) -> int:  # noqa: ARG002
        """Return the number that was asked for, however many baselines there are."""
        return self.samples

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield points that are uniform on the line from a baseline that is drawn anew for each of them."""
        for _ in range(self.samples):
            baseline = baselines[rng.integers(len(baselines))]
            way = _difference(x, baseline)
            yield Sample(_moved(baseline, rng.uniform() * way), 1 / self.samples, way)


@dataclass(frozen=True)
class SmoothGrad:
    """The mean over inputs with Gaussian noise; sigma in units of the input's range. Source: Smilkov et al. 2017.

    Range: largest minus smallest value of the row, so that a constant row gets no noise.
    """

    samples: int = 25
    sigma: float = 0.15
    random_seed: int = 0
    of: str = "gradient"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = False
    moves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples)
        checks.real(sigma=self.sigma)
        checks.seed(random_seed=self.random_seed)

    def count(self, baselines: int) -> int:  # noqa: ARG002
        """Return the number that was asked for, however many baselines there are."""
        return self.samples

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:  # noqa: ARG002
        """Yield x + σ (max x - min x) n, where n is standard normal."""
        scale = self.sigma * float(_difference(x.max(), x.min()))
        for noise in self.noise(x.shape, rng):
            yield Sample(_moved(x, noise.astype(np.float64) * scale), 1 / self.samples)

    def noise(self, shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[Array]:
        """Yield n for each sample, in float32, so that a file can hold the same numbers."""
        return (rng.standard_normal(shape).astype(np.float32) for _ in range(self.samples))


@dataclass(frozen=True)
class VarGrad(SmoothGrad):
    """The variance over inputs with Gaussian noise, instead of the mean. Source: Adebayo et al. 2018."""

    spread: ClassVar[bool] = True


@dataclass(frozen=True)
class EachAlone:
    """Noise for several inputs that are walked to as one: each gets its own, in units of the range of that input.

    sampler: draws noise. ends: where each input but the last one ends among the elements of all.
    """

    sampler: SmoothGrad
    ends: tuple[int, ...]
    crosses: ClassVar[bool] = False
    moves: ClassVar[bool] = True

    @property
    def spread(self) -> bool:
        """See `Sampler`."""
        return self.sampler.spread

    @property
    def of(self) -> str:
        """See `Sampler`."""
        return self.sampler.of

    @property
    def random_seed(self) -> int:
        """See `Sampler`."""
        return self.sampler.random_seed

    def count(self, baselines: int) -> int:
        """Return the number that was asked for, however many baselines there are."""
        return self.sampler.count(baselines)

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield the points of all inputs, behind one another, by one generator in turn."""
        parts = [self.sampler.draw(part, baselines, rng) for part in np.split(x, self.ends)]
        for samples in zip(*parts, strict=True):
            yield Sample(np.concatenate([each.point for each in samples]), samples[0].weight)


@dataclass(frozen=True)
class EachBaseline:
    """DeepLIFT from each of many baselines, averaged: `baseline` is an array of them. Source: Lundberg & Lee 2017."""

    of: str = "deeplift"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = True
    moves: ClassVar[bool] = False
    random_seed: ClassVar[int] = 0

    def count(self, baselines: int) -> int:
        """Return one for each baseline."""
        return baselines

    def draw(self, x: Array, baselines: Array, rng: np.random.Generator) -> Iterator[Sample]:  # noqa: ARG002
        """Return x itself, once with each baseline."""
        return (Sample(x, 1 / len(baselines), baseline=baseline) for baseline in baselines)


def _difference(x: Array, baseline: Array) -> Array:
    """Return x - x₀."""
    return np.asarray(x - baseline)


def _moved(x: Array, step: Any) -> Array:
    """Return x + step in the type of x."""
    return np.asarray(x + step, x.dtype)
