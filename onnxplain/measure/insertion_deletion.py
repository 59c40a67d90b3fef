"""Insertion and deletion: how early the probability comes with the most relevant positions, and goes without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import whole
from onnxplain.measure.cells import cells, ranks, replaced
from onnxplain.measure.evaluation_set import check_kind
from onnxplain.measure.fill import check_fill, fill
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class InsertionDeletion:
    """Areas under the score as positions are inserted into an empty input, or deleted, the most relevant first.

    The area is taken by the trapezoidal rule over the share of positions, which grows from 0 to 1 in `steps` equal
    steps, or in one step a position where there are fewer.

    inserted_into, deleted_to: the input that positions are inserted into, and the values that deleted positions get:
    "baseline", "uniform" (random values in the range of the input) or "blur" (a Gaussian of sigma 10 at 224 pixels). By
    default pictures are inserted into a blur, and vectors, which have no neighbours, into the baseline.
    score: "probability" or "logit". Source: Petsiuk et al. 2018.
    """

    steps: int = 224
    inserted_into: str | None = None
    deleted_to: str = "baseline"
    score: str = "probability"
    name: ClassVar[str] = "insertion_deletion"
    quantities: ClassVar[dict[str, str]] = {"insertion": "higher", "deletion": "lower"}
    axes: ClassVar[tuple[str, str]] = ("steps, each an equal share of the positions", "score")

    def __post_init__(self) -> None:
        whole(steps=self.steps)
        check_kind(self.score)
        check_fill("inserted_into", self.inserted_into or "blur")
        check_fill("deleted_to", self.deleted_to)

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure both curves, one row after another."""
        what = f"{self.name} {method.name}"
        return MeasureResult.stack([self._row(data, i, method.relevance[i]) for i in data.rows(what)])

    def _row(self, data: EvaluationSet, i: int, relevance: Array) -> MeasureResult:
        x, axis = data.batch.x[i], data.batch.channel_axis
        rng = data.rng(i)
        rank = ranks(relevance, cells(relevance.shape, (1,) * relevance.ndim), rng)
        counts = np.linspace(0, relevance.size, min(self.steps, relevance.size) + 1).round()
        into = self.inserted_into or ("blur" if relevance.ndim > 1 else "baseline")
        start, end = (fill(kind, data, i, rng) for kind in (into, self.deleted_to))
        curves = {
            "insertion": data.score(i, (replaced(start, x, rank < n, axis) for n in counts), self.score),
            "deletion": data.score(i, (replaced(x, end, rank < n, axis) for n in counts), self.score),
        }
        values = {name: np.trapezoid(curve, counts / relevance.size) for name, curve in curves.items()}
        return MeasureResult(values, curves)
