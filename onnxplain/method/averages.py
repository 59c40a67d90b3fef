"""Averaging: the mean or the variance of a walk over samples of each row. Rows share batches of samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from onnxplain.errors import NumericalError, UsageError
from onnxplain.method.registry import find
from onnxplain.method.request import Answer
from onnxplain.method.scoring import Scoring
from onnxplain.method.spec import Walk
from onnxplain.method.walk_method import Walking, check_slope
from onnxplain.progress import progress
from onnxplain.walk.objective import SLOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.method.request import Request
    from onnxplain.method.samplers import Sample, Sampler
    from onnxplain.method.scoring import Scored
    from onnxplain.method.spec import Average
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan

T = TypeVar("T")


class Averaging:
    """The procedure of an `Average`; parameters that its sampler does not know are the walk's."""

    def __init__(
        self, model: Model, method: Average, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError(f"method {method.name!r} attributes to the input; layer= belongs to a method that walks")
        own = {name: value for name, value in parameters.items() if name in method.parameters}
        self.sampler: Sampler = method.build(**own)
        walk = find(self.sampler.of)
        if not isinstance(walk, Walk):
            raise UsageError(f"of={self.sampler.of!r}: method {method.name!r} averages one that walks backward once")
        if self.sampler.moves:
            check_slope(model, method.name)
        self.model, self.method, self.feeds = model, method, feeds
        self.walking = Walking(model, walk, {n: v for n, v in parameters.items() if n not in own}, feeds)
        self.scoring = Scoring(model, method.seed, self.walking.walker, self.walking.at_once)
        self.parameters = method.parameters | own | self.walking.parameters

    @property
    def plan(self) -> Plan:
        """The plan of the walk that is averaged."""
        return self.walking.plan

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self.walking.providers

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is found row by row, and named
    def answer(self, request: Request) -> Answer:
        """Average over samples; what is predicted is read at the row itself, not at its samples."""
        request = request.precise(self.model.precision)
        seen = self.scoring.read(request)
        stills = self._stills(request)
        sums = self._sums(self._for_walks(request), seen, stills)
        attribution = np.stack([each.values for each in sums])
        return Answer(attribution, seen.score, seen.scores, seen.chosen, self._delta(request, seen, stills, sums))

    def _sums(self, request: Request, seen: Scored, stills: Sequence[Array]) -> list[_Sum]:
        """What the walks at all samples come to. They come row by row, so one row at a time is held in float64."""
        found = []
        for i, samples in groupby(self._walked(request, seen.chosen, stills), key=itemgetter(0)):
            moments = _Moments()
            for _, value, weight, gap in samples:
                moments.add(value, weight, gap)
            found.append(moments.read(seen.scores.dtype, spread=self.sampler.spread))
            if not np.isfinite(found[-1].values).all():
                raise NumericalError(
                    f"row {i}: the attribution that {self.method.name!r} averages is NaN or Inf; the way from the "
                    "baseline to the input leaves the range of the model's type: scale the input, or give a closer "
                    "baseline="
                )
        return found

    def _walked(
        self, request: Request, chosen: Array, stills: Sequence[Array]
    ) -> Iterator[tuple[int, Array, float, float]]:
        """The row of each sample, row by row, its attribution, its weight, and the gap of its walk."""
        with progress(self.method.name, sum(self.sampler.count(len(each)) for each in stills), "sample") as bar:
            for batch in batched(self._samples(request.batch.x, stills), self._size):
                rows, samples = zip(*batch, strict=True)
                walked = self._walk(request, chosen, rows, samples)
                gaps = np.zeros(len(rows)) if walked.delta is None else walked.delta
                for i, sample, each, gap in zip(rows, samples, walked.attribution, gaps, strict=True):
                    yield i, sample.factor * each, sample.weight, gap
                bar.update(len(batch))

    def _samples(self, x: Array, stills: Sequence[Array]) -> Iterator[tuple[int, Sample]]:
        """Row and sample, row by row. Each row has a generator of its own, and so gets the same numbers alone."""
        for i, (row, still) in enumerate(zip(x, stills, strict=True)):
            rng = np.random.default_rng(self.sampler.random_seed)
            yield from ((i, sample) for sample in self.sampler.draw(row, still, rng))

    def _walk(self, request: Request, chosen: Array, rows: Sequence[int], samples: Sequence[Sample]) -> Answer:
        """The walk at each sample, from the sample's baseline or, where the walk alone has one, from the row's."""
        asked = self._at(request, chosen, rows, [sample.point for sample in samples])
        stills = [sample.still for sample in samples if sample.still is not None]
        if stills:
            return self.walking.answer(replace(asked, baseline=np.stack(stills)))
        if self.walking.method.baseline:
            own = self.feeds.baseline(request.batch, request.baseline).x
            return self.walking.answer(replace(asked, baseline=own[list(rows)]))
        return self.walking.answer(asked)

    def _at(self, request: Request, chosen: Array, rows: Sequence[int], points: Sequence[Array]) -> Request:
        return request.at(self.model.explained_input.name, rows, np.stack(points), chosen)

    @property
    def _size(self) -> int:
        """Samples of one batch: as many as one walk takes."""
        return self.model.fixed_batch or self.walking.at_once

    def _for_walks(self, request: Request) -> Request:
        """With the seed whose gradient is that of the explained number, where gradients are integrated."""
        integrates = self.method.conserves and not self.walking.method.conserves
        slope = SLOPES.get(request.seed) if integrates and isinstance(request.seed, str) else None
        return replace(request, seed=slope or request.seed)

    def _stills(self, request: Request) -> list[Array]:
        """The baselines of each row, [B, ...] each; none where the method has none."""
        batch = request.batch
        if not self.method.baseline:
            return [batch.x[:0]] * len(batch.x)
        if self.sampler.crosses:
            return [self.feeds.baselines(batch, request.baseline)] * len(batch.x)
        return list(self.feeds.baseline(batch, request.baseline).x[:, np.newaxis])

    def _delta(self, request: Request, seen: Scored, stills: Sequence[Array], sums: Sequence[_Sum]) -> Array | None:
        """The walks' own mean gap; for an integral, Σ attribution - (F(x) - the mean of F over the baselines).

        F is the explained number.
        """
        if not self.method.conserves:
            return None
        if self.walking.method.conserves:
            return np.array([each.gap for each in sums])
        pairs = ((i, still) for i, each in enumerate(stills) for still in each)
        ends = np.zeros(len(stills))
        for batch in batched(pairs, self._size):
            rows, points = zip(*batch, strict=True)
            np.add.at(ends, list(rows), self.scoring.read(self._at(request, seen.chosen, rows, points)).number)
        due = seen.number - ends / [len(each) for each in stills]
        return np.array([each.total for each in sums]) - due


@dataclass(frozen=True)
class _Sum:
    """Of a row: its attribution, what the mean sums to, and the mean gap of its walks."""

    values: Array
    total: float
    gap: float


class _Moments:
    """Weighted mean and variance of arrays that come one by one, in float64, and the mean of their walks' gaps.

    Source: West 1979. The weights of all sum to 1.
    """

    def __init__(self) -> None:
        self.weight = 0.0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.gap = 0.0

    def add(self, value: Array, weight: float, gap: float) -> None:
        """One more array."""
        self.weight += weight
        step = value - self.mean
        self.mean += step * (weight / self.weight)
        self.spread += weight * step * (value - self.mean)
        self.gap += weight * gap

    def read(self, dtype: Any, *, spread: bool) -> _Sum:
        """The mean, or where `spread` is asked the variance, in this type."""
        values = (self.spread if spread else self.mean).astype(dtype)
        return _Sum(values, float(self.mean.sum()), self.gap)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
