"""Measures of how few positions hold the relevance. They read the maps alone, so that they say nothing of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


def gini(relevance: Array) -> float:
    """Return the Gini index of |R| over n positions: 0 where all are equal, 1 - 1/n where one position has everything.

    Σᵢ (2i - n - 1) |R|ᵢ / (n Σ |R|), i = 1..n, with |R| in ascending order. A map of zeros has 0. Source: Chalasani et
    al. 2020.
    """
    size = np.sort(np.abs(relevance), axis=None).astype(np.float64)
    n, total = len(size), size.sum()
    return float(((2 * np.arange(1, n + 1) - n - 1) * size).sum() / (n * total)) if total else 0.0


def entropy(relevance: Array) -> float:
    """Return the entropy in nats of the shares p = |R| / Σ |R|: -Σ p ln p, from 0 to ln n for n positions.

    A map of zeros, whose positions are all alike, has ln n. Source: Bhatt et al. 2020.
    """
    size = np.abs(relevance).ravel().astype(np.float64)
    total = size.sum()
    p = size[size > 0] / total if total else np.full(len(size), 1 / len(size))
    return float(-(p * np.log(p)).sum()) + 0.0  # no -0.0


@dataclass(frozen=True)
class Sparseness:
    """The Gini index of the relevance: near 1 where few positions have most of it. Source: Chalasani et al. 2020."""

    name: ClassVar[str] = "sparseness"
    quantities: ClassVar[dict[str, str]] = {"gini": "higher"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:  # noqa: ARG002
        """Measure all rows; the model does not run."""
        return MeasureResult({"gini": np.array([gini(each) for each in method.relevance])})


@dataclass(frozen=True)
class Complexity:
    """The entropy in nats of how the relevance is spread over the positions. Source: Bhatt et al. 2020."""

    name: ClassVar[str] = "complexity"
    quantities: ClassVar[dict[str, str]] = {"entropy": "lower"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:  # noqa: ARG002
        """Measure all rows; the model does not run."""
        return MeasureResult({"entropy": np.array([entropy(each) for each in method.relevance])})
