"""Sensitivity: how much an explanation changes at most when the input hardly does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import real, whole
from onnxplain.errors import UsageError
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class Sensitivity:
    """The largest ‖Φ(y) - Φ(x)‖ / ‖Φ(x)‖ over points y near x, for the class of x, in 2-norms.

    y = x + r u with u uniform in -1..1 per element and r = radius · (max x - min x), over `samples` draws: a lower
    bound of the maximum over the box. A ‖Φ(x)‖ of 0 counts as 1. Source: Yeh et al. 2019.
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
        """Row by row, as many draws at once as the forward takes rows."""
        what = f"{self.name} {method.name}"
        return MeasureResult({"max_sensitivity": np.array([self._row(data, method, i) for i in data.rows(what)])})

    def _row(self, data: EvaluationSet, method: Judged, i: int) -> float:
        still, change, points = method.maps.attribution[i].astype(np.float64), 0.0, self.near(data, i)
        while chunk := list(islice(points, data.at_once)):
            maps = method.at(data.moved(i, np.stack(chunk)), [data.target[i]] * len(chunk)).attribution
            change = max(change, *(float(np.sqrt(((each - still) ** 2).sum())) for each in maps))
        return float(change / (np.sqrt((still**2).sum()) or 1.0))

    def near(self, data: EvaluationSet, i: int) -> Iterator[Array]:
        """The points near row i, made as they are needed."""
        x = data.batch.x[i]
        if x.dtype.kind != "f":
            raise UsageError(f"sensitivity moves the input a little, and {x.dtype} values have nothing between")
        reach = self.radius * (x.max() - x.min())
        rng = data.rng(i)
        return (np.asarray(x + reach * rng.uniform(-1, 1, x.shape), x.dtype) for _ in range(self.samples))
