"""Completeness: whether the attributions sum to what they explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class Completeness:
    """The gap |Σ attribution - due|, absolute and as a share of |due|: Inf where due is 0 and the gap is not.

    due: what the method says that its attributions sum to (the score for LRP, f(x) - f(x₀) for DeepLIFT and
    integrated gradients); f(x) - f(x₀) for all others, which promise nothing. Source: Sundararajan et al. 2017.
    """

    name: ClassVar[str] = "completeness"
    quantities: ClassVar[dict[str, str]] = {"gap": "lower", "relative_gap": "lower"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """All rows at once; the difference from the baseline is run where the method has no delta."""
        total = method.maps.attribution.reshape(len(data), -1).sum(1, dtype=np.float64)
        if method.maps.delta is None:
            ends = [data.score(i, [data.batch.x[i], data.baseline_of(i)]) for i in range(len(data))]
            due = np.array([x - still for x, still in ends])
        else:
            due = total - method.maps.delta
        gap = np.abs(total - due)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(gap == 0, 0.0, gap / np.abs(due))
        return MeasureResult({"gap": gap, "relative_gap": share})
