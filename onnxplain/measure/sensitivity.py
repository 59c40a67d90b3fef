"""Sensitivity: how much an explanation changes at most when the input hardly does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import real, whole
from onnxplain.errors import UsageError
from onnxplain.measure.result import MeasureResult
from onnxplain.measure.similarity import norm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class Sensitivity:
    """The largest ‖Φ(y) - Φ(x)‖ / ‖Φ(x)‖ over points y near x, for the class of x, in 2-norms.

    Φ(x) is the explanation of x. The points are y = x + r u, with each element of u uniform in -1..1 and r = radius ·
    (max x - min x). There are `samples` of them, so this is a lower bound of the maximum over all points of the box. A
    ‖Φ(x)‖ of 0 counts as 1. Source: Yeh et al. 2019.
    """

    samples: int = 10
    radius: float = 0.02
    name: ClassVar[str] = "sensitivity"
    quantities: ClassVar[dict[str, str]] = {"max_sensitivity": "lower"}
    axes: ClassVar[tuple[str, str]] = ("", "")

    def __post_init__(self) -> None:
        whole(samples=self.samples)
        real(radius=self.radius)
        if self.radius == 0:
            raise UsageError(f"radius={self.radius}: expected a share of the input's range, more than 0")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure one row after another, with as many points at once as run forward at once."""
        what = f"{self.name} {method.name}"
        return MeasureResult({"max_sensitivity": np.array([self._row(data, method, i) for i in data.rows(what)])})

    def _row(self, data: EvaluationSet, method: Judged, i: int) -> float:
        own, change, points = method.maps.attribution[i].astype(np.float64), 0.0, self.near(data, i)
        while chunk := list(islice(points, data.at_once)):
            maps = method.at(data.moved(i, np.stack(chunk)), [data.target[i]] * len(chunk)).attribution
            change = max(change, *(norm(each - own) for each in maps))
        return change / (norm(own) or 1.0)

    def near(self, data: EvaluationSet, i: int) -> Iterator[Array]:
        """Yield the points near row i, one by one. Raises UsageError where the row holds whole numbers."""
        x = data.batch.x[i]
        if x.dtype.kind != "f":
            raise UsageError(f"sensitivity moves the input a little, and {x.dtype} values have nothing between")
        reach = self.radius * (x.max() - x.min())
        rng = data.rng(i)
        return (np.asarray(x + reach * rng.uniform(-1, 1, x.shape), x.dtype) for _ in range(self.samples))
