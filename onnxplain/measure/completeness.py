"""Completeness: whether the attributions sum to the number that they explain."""

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
    """The gap |Σ attribution - due|, and the same as a share of |due|: Inf where due is 0 and the gap is not.

    due: what the method itself says that its attributions sum to, such as the score for LRP, and f(x) - f(x₀) for
    DeepLIFT and integrated gradients, with the baseline x₀. A method that promises no sum is measured against
    f(x) - f(x₀). Source: Sundararajan et al. 2017.
    """

    name: ClassVar[str] = "completeness"
    quantities: ClassVar[dict[str, str]] = {"gap": "lower", "relative_gap": "lower"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure all rows at once; the model runs only for a method that promises no sum."""
        total = method.maps.attribution.reshape(len(data), -1).sum(1, dtype=np.float64)
        if method.maps.delta is None:
            pairs = [data.score(i, [data.batch.x[i], data.baseline_of(i)]) for i in range(len(data))]
            due = np.array([at_x - at_baseline for at_x, at_baseline in pairs])
        else:
            due = total - method.maps.delta
        gap = np.abs(total - due)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(gap == 0, 0.0, gap / np.abs(due))
        return MeasureResult({"gap": gap, "relative_gap": share})
