"""Infidelity: how badly attributions predict what hiding parts of the input does to the score."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import real, whole
from onnxplain.errors import UsageError
from onnxplain.measure.cells import cells, replaced
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged

SLOPES = ("gradient", "saliency", "deconvnet", "guided_backprop", "smoothgrad", "vargrad")


@dataclass(frozen=True)
class Infidelity:
    """The mean of (Iᵀφ - (f(x) - f(x - I)))² over random I that set parts of x to the baseline.

    The input is cut into `grid` cells along each axis (a vector: into its elements), and I hides each with
    probability `hidden`: I = m (x - x₀). Iᵀφ is what φ says that this costs: Σ m φ where φ are contributions, and
    Σ m (x - x₀) φ for the methods in `slopes`, whose φ are per unit of input; one with a name of `methods()` goes by
    that, whatever it is called in a dict, and any other by what it is called.
    `unexplained` is free of φ's scale: the smallest mean of (β Iᵀφ - Δf)² over β, as a share of the mean of Δf²; 0 is
    perfect and 1 no better than φ = 0. Source: Yeh et al. 2019.
    """

    samples: int = 200
    grid: int = 8
    hidden: float = 0.1
    slopes: str | Collection[str] = SLOPES
    name: ClassVar[str] = "infidelity"
    quantities: ClassVar[dict[str, str]] = {"infidelity": "lower", "unexplained": "lower"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __post_init__(self) -> None:
        whole(samples=self.samples)
        whole(grid=self.grid)
        real(hidden=self.hidden, high=1.0)
        if self.hidden == 0:
            raise UsageError(f"hidden={self.hidden}: expected a probability, more than 0 and at most 1")
        slopes = (self.slopes,) if isinstance(self.slopes, str) else self.slopes
        if not isinstance(slopes, (list, tuple, set, frozenset)) or not all(isinstance(each, str) for each in slopes):
            raise UsageError(f"slopes={self.slopes!r}: expected the name of a method, or a list of names")
        object.__setattr__(self, "slopes", tuple(slopes))

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Row by row."""
        what = f"{self.name} {method.name}"
        return MeasureResult.stack([self._row(data, method, i) for i in data.rows(what)])

    def _row(self, data: EvaluationSet, method: Judged, i: int) -> MeasureResult:
        x, still, axis = data.batch.x[i], data.baseline_of(i), data.batch.channel_axis
        costs = method.relevance[i]
        if method.method in self.slopes:
            costs = data.plane((method.maps.attribution[i] * (x.astype(np.float64) - still))[np.newaxis])[0]
        masks = self.masks(costs.shape, data.rng(i))
        said = np.array([costs[mask].sum() for mask in masks])
        scores = data.score(i, chain([x], (replaced(x, still, mask, axis) for mask in masks)))
        fell = scores[0] - scores[1:]
        known, size = (said**2).mean(), (fell**2).mean()
        explained = (said * fell).mean() ** 2 / (known * size) if known * size else float(size == 0)
        return MeasureResult({"infidelity": ((said - fell) ** 2).mean(), "unexplained": np.asarray(1 - explained)})

    def masks(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """What is hidden in each sample: bool [samples, *shape]."""
        sides = tuple(-(-n // self.grid) if len(shape) > 1 else 1 for n in shape)
        index = cells(shape, sides)
        return np.asarray((rng.random((self.samples, int(index.max()) + 1)) < self.hidden)[:, index])
