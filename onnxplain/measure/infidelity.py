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
"""The methods whose attributions are slopes, in units of score per unit of input. Those of the others are scores."""


@dataclass(frozen=True)
class Infidelity:
    """The mean of (Iᵀφ - (f(x) - f(x - I)))² over random I that set parts of x to the baseline.

    The input is cut into `grid` cells along each axis (a vector: into its elements), and each of the `samples` draws
    hides each cell with the probability `hidden`: I = m (x - x₀), for the hidden positions m and the baseline x₀.

    Iᵀφ is the fall of the score that the attributions φ predict: Σ m φ where φ are contributions to the score, and
    Σ m (x - x₀) φ for the methods in `slopes`, whose φ are scores per unit of input. A method is in `slopes` by its
    name in `methods()`, whatever it is called in a dict; a function of your own is by the name that it is given.

    The quantity `unexplained` does not depend on the scale of φ: it is the smallest mean of (β Iᵀφ - Δf)² over all β,
    divided by the mean of Δf². A value of 0 is perfect, and 1 is no better than φ = 0. Source: Yeh et al. 2019.
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
        real(0.0, 1.0, hidden=self.hidden)
        if self.hidden == 0:
            raise UsageError(f"hidden={self.hidden}: expected a probability, more than 0 and at most 1")
        slopes = (self.slopes,) if isinstance(self.slopes, str) else self.slopes
        if not isinstance(slopes, (list, tuple, set, frozenset)) or not all(isinstance(each, str) for each in slopes):
            raise UsageError(f"slopes={self.slopes!r}: expected the name of a method, or a list of names")
        object.__setattr__(self, "slopes", tuple(slopes))

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure one row after another."""
        what = f"{self.name} {method.name}"
        return MeasureResult.stack([self._row(data, method, i) for i in data.rows(what)])

    def _row(self, data: EvaluationSet, method: Judged, i: int) -> MeasureResult:
        x, baseline, axis = data.batch.x[i], data.baseline_of(i), data.batch.channel_axis
        contributions = method.relevance[i]
        if method.method in self.slopes:
            costs = method.maps.attribution[i] * (x.astype(np.float64) - baseline)
            contributions = data.plane(costs[np.newaxis])[0]
        masks = self.masks(contributions.shape, data.rng(i))
        predicted = np.array([contributions[mask].sum() for mask in masks])
        scores = data.score(i, chain([x], (replaced(x, baseline, mask, axis) for mask in masks)))
        fall = scores[0] - scores[1:]
        known, size = (predicted**2).mean(), (fall**2).mean()
        explained = (predicted * fall).mean() ** 2 / (known * size) if known * size else float(size == 0)
        return MeasureResult({"infidelity": ((predicted - fall) ** 2).mean(), "unexplained": np.asarray(1 - explained)})

    def masks(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return the positions that each draw hides, bool [samples, *shape]."""
        sides = tuple(-(-n // self.grid) if len(shape) > 1 else 1 for n in shape)
        index = cells(shape, sides)
        return np.asarray((rng.random((self.samples, int(index.max()) + 1)) < self.hidden)[:, index])
