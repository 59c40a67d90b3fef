"""ROAD, remove and debias: whether the class is still found as the most and the least relevant pixels are imputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import real, whole
from onnxplain.errors import UsageError
from onnxplain.measure.cells import cells, ranks
from onnxplain.measure.evaluation_set import FOUND, KINDS
from onnxplain.measure.imputation import imputed
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True)
class Road:
    """How much of the score is left as the most relevant pixels are removed (MoRF), and as the least are (LeRF).

    Removed pixels are guessed from those beside them by linear equations (see `imputation`), with a little Gaussian
    noise: what is cut out has no sharp outline, which by itself would tell the model the class. Pictures alone have
    such neighbours. A quantity is the mean over the steps; `road` is that of LeRF minus that of MoRF.

    steps: how many equal steps the share of removed pixels takes from 0 to 1; neither end is measured, so that there
    are steps - 1 points. noise: standard deviation, in units of that of the row's own values. score: "found" (1 where
    the class is still the predicted one, as in the paper), "probability" or "logit". Source: Rong et al. 2022.
    """

    steps: int = 10
    noise: float = 0.01
    score: str = FOUND
    name: ClassVar[str] = "road"
    quantities: ClassVar[dict[str, str]] = {"road": "higher", "road_morf": "lower", "road_lerf": "higher"}
    axes: ClassVar[tuple[str, str]] = ("steps, each an equal share of the pixels removed", "score")

    def __post_init__(self) -> None:
        whole(2, steps=self.steps)
        real(noise=self.noise)
        if self.score not in (FOUND, *KINDS):
            raise UsageError(f"score={self.score!r}: expected {', '.join(map(repr, (FOUND, *KINDS)))}")

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure both orders, one row after another. Raises UsageError where rows are no pictures."""
        if method.relevance.ndim != 3:
            raise UsageError(
                f"measure {self.name!r} guesses pixels of pictures, and a map has the shape "
                f"{list(method.relevance.shape[1:])}; pixel_flipping is for any input"
            )
        return MeasureResult.stack([self._row(data, i, method.relevance[i]) for i in data.rows(f"road {method.name}")])

    def _row(self, data: EvaluationSet, i: int, relevance: Array) -> MeasureResult:
        rng = data.rng(i)
        noise = rng.standard_normal(data.batch.x[i].shape) * self.noise * data.batch.x[i].std()
        order = ranks(relevance, cells(relevance.shape, (1, 1)), rng)
        curves = {
            name: data.score(i, self._points(data.batch.x[i], data.batch.channel_axis, rank, noise), self.score)
            for name, rank in (("morf", order), ("lerf", relevance.size - 1 - order))
        }
        morf, lerf = curves["morf"][1:].mean(), curves["lerf"][1:].mean()
        return MeasureResult({"road": lerf - morf, "road_morf": morf, "road_lerf": lerf}, curves)

    def _points(self, x: Array, channel_axis: int | None, rank: Array, noise: Array) -> Iterator[Array]:
        """Yield the row itself, and then with growing shares of its pixels removed."""
        yield x
        planes = x[np.newaxis] if channel_axis is None else np.moveaxis(x, channel_axis - 1, 0)
        for step in range(1, self.steps):
            removed = rank < round(step * rank.size / self.steps)
            found = imputed(planes, removed)
            found = found[0] if channel_axis is None else np.moveaxis(found, 0, channel_axis - 1)
            there = removed if channel_axis is None else np.expand_dims(removed, channel_axis - 1)
            yield np.asarray(found + there * noise, x.dtype)
