"""Pixel flipping: how fast the score falls as the most relevant regions are replaced by noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from onnxplain.checks import whole
from onnxplain.measure.cells import cells, ranks, replaced, scaled
from onnxplain.measure.evaluation_set import check_kind
from onnxplain.measure.fill import check_fill, fill
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged

REGION = 9
"""The side of a region in pixels, for pictures of 224 pixels a side."""


@dataclass(frozen=True)
class PixelFlipping:
    """The score's fall as regions are replaced by noise, the most relevant first (MoRF) or the least (LeRF).

    AOPC = 1/(L+1) Σₖ f(x₀) - f(xₖ), k = 0..L, for each order, where x₀ is the input itself and xₖ the input with k
    regions replaced. ABPC is the area between the curves, the AOPC of MoRF minus that of LeRF. Noise all over a picture
    is strange to a network in itself, so that even a random order makes the score fall: AOPC does not tell that harm
    from the harm of losing what is relevant, and ABPC does.

    steps: L, at most the number of regions. region: the side of a region in pixels; by default 9 at 224 pixels, in
    proportion at other sizes, and 1 for a vector. fill: what regions are replaced by, the same values for all methods
    and both orders: "uniform" (random values in the range of the input), "baseline" or "blur".
    score: "logit" or "probability". Source: Samek et al. 2017.
    """

    steps: int = 100
    region: int | None = None
    fill: str = "uniform"
    score: str = "logit"
    name: ClassVar[str] = "pixel_flipping"
    quantities: ClassVar[dict[str, str]] = {"aopc": "higher", "aopc_lerf": "lower", "abpc": "higher"}
    axes: ClassVar[tuple[str, str]] = ("regions replaced", "fall of the score")

    def __post_init__(self) -> None:
        whole(steps=self.steps)
        whole(region=1 if self.region is None else self.region)
        check_fill("fill", self.fill)
        check_kind(self.score)

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure both orders, one row after another; the curves are f(x₀) - f(xₖ)."""
        what = f"{self.name} {method.name}"
        return MeasureResult.stack([self._row(data, i, method.relevance[i]) for i in data.rows(what)])

    def _row(self, data: EvaluationSet, i: int, relevance: Array) -> MeasureResult:
        index = cells(relevance.shape, self._sides(relevance.shape))
        last = int(index.max()) + 1
        steps, rng = min(self.steps, last), data.rng(i)
        shown = fill(self.fill, data, i, rng)
        order = ranks(relevance, index, rng)
        falls = {}
        for name, rank in (("morf", order), ("lerf", last - 1 - order)):
            scores = data.score(i, self._points(data, i, shown, rank, steps), self.score)
            falls[name] = scores[0] - scores
        aopc, lerf = falls["morf"].mean(), falls["lerf"].mean()
        return MeasureResult({"aopc": aopc, "aopc_lerf": lerf, "abpc": aopc - lerf}, falls)

    def _points(self, data: EvaluationSet, i: int, shown: Array, rank: Array, steps: int) -> Iterator[Array]:
        """Yield row i with the regions of the first k ranks replaced, for k from 0 to `steps`."""
        x, axis = data.batch.x[i], data.batch.channel_axis
        return (replaced(x, shown, rank < k, axis) for k in range(steps + 1))

    def _sides(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the length of a region along each axis of the map."""
        if self.region is not None:
            return tuple(min(self.region, n) for n in shape)
        return tuple(scaled(REGION, n) if len(shape) > 1 else 1 for n in shape)
