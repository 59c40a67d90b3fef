"""Methods that average: the mean or the variance of a walk over samples of each row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from onnxplain.errors import NumericalError, UsageError
from onnxplain.method.finite import check_baseline, check_scores
from onnxplain.method.request import Result
from onnxplain.method.scoring import score
from onnxplain.method.spec import MethodSpec
from onnxplain.method.walk_method import WalkMethod, WalkSpec
from onnxplain.progress import progress
from onnxplain.walk.seed import SLOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Request
    from onnxplain.method.samplers import Sample, Sampler
    from onnxplain.method.scoring import Scored
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.plan.plan import Plan

T = TypeVar("T")


@dataclass(frozen=True)
class AverageSpec(MethodSpec):
    """A method that averages a walk over samples; `make` builds its sampler."""

    @property
    def compares(self) -> bool:
        """See `MethodSpec`."""
        return True

    @property
    def background(self) -> bool:
        """See `MethodSpec`."""
        return bool(self.make.crosses)  # type: ignore[attr-defined]  # a sampler makes them


class AverageMethod:
    """An `AverageSpec` on a model. Rows share batches of samples.

    Parameters that its sampler does not have are those of the walk.
    """

    def __init__(
        self, model: Model, spec: AverageSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError(f"method {spec.name!r} attributes to the input; layer= belongs to a method that walks")
        own = {name: value for name, value in parameters.items() if name in spec.parameters}
        self.sampler: Sampler = spec.build(**own)
        walk = _walk_of(self.sampler.of, spec.name)
        spec.check(parameters, spec.parameters | walk.parameters)
        self.model, self.spec, self.feeds = model, spec, feeds
        self.walk = WalkMethod(model, walk, {n: v for n, v in parameters.items() if n not in own}, feeds)
        self.parameters = spec.parameters | own | self.walk.parameters

    @property
    def plan(self) -> Plan:
        """The plan of the walk that is averaged."""
        return self.walk.plan

    @property
    def folds_by_norm(self) -> bool:
        """Whether a token's attribution is the norm of what its embedding gets: contributions and variances add up."""
        return self.walk.folds_by_norm and not (self.spec.conserves or self.sampler.spread)

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.walk.engine

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is found row by row, and named
    def run(self, request: Request) -> Result:
        """Average over samples. The predicted class is that of the row itself, not of its samples."""
        request = request.precise(self.model.precision)
        seen = self._score(request)
        check_scores(self.model, request.batch, seen.scores)
        baselines = self._baselines(request)
        sums = self._sums(self._for_walks(request), seen, baselines)
        attribution = np.stack([each.values for each in sums])
        delta = self._delta(request, seen, baselines, sums)
        if delta is not None:
            check_baseline(self.spec.name, seen.scores, delta)
        return Result(attribution, seen.score, seen.scores, seen.chosen, delta)

    def _sums(self, request: Request, seen: Scored, baselines: Sequence[Array]) -> list[Sum]:
        """Return what the walks of each row come to. They arrive row by row, so only one row is held in float64."""
        found = []
        for i, samples in groupby(self._walked(request, seen.chosen, baselines), key=itemgetter(0)):
            moments = _Moments(spread=self.sampler.spread)
            for _, value, weight, gap in samples:
                moments.add(value, weight, gap)
            found.append(moments.read(seen.scores.dtype))
            check_finite(i, found[-1].values, self.spec.name)
        return found

    def _walked(
        self, request: Request, chosen: Array, baselines: Sequence[Array]
    ) -> Iterator[tuple[int, Array, float, float]]:
        """Yield, row by row, the row's index, the attribution of a sample, its weight, and the gap of its walk."""
        with progress(self.spec.name, sum(self.sampler.count(len(each)) for each in baselines), "sample") as bar:
            for batch in batched(self._samples(request.batch.x, baselines), self._size(request.batch)):
                rows, samples = zip(*batch, strict=True)
                walked = self._walk(request, chosen, rows, samples)
                gaps = np.zeros(len(rows)) if walked.delta is None else walked.delta
                for i, sample, each, gap in zip(rows, samples, walked.attribution, gaps, strict=True):
                    yield i, sample.factor * each, sample.weight, gap
                bar.update(len(batch))

    def _samples(self, x: Array, baselines: Sequence[Array]) -> Iterator[tuple[int, Sample]]:
        """Yield index and sample, row by row. Each row has a generator of its own, and gets the same numbers alone."""
        for i, (row, baseline) in enumerate(zip(x, baselines, strict=True)):
            rng = np.random.default_rng(self.sampler.random_seed)
            yield from ((i, sample) for sample in self.sampler.draw(row, baseline, rng))

    def _walk(self, request: Request, chosen: Array, rows: Sequence[int], samples: Sequence[Sample]) -> Result:
        """Walk at each sample, from its own baseline or, for another walk that needs a baseline, from the row's."""
        there = self._at(request, chosen, rows, [sample.point for sample in samples])
        baselines = [sample.baseline for sample in samples if sample.baseline is not None]
        if baselines:
            return self.walk.run(replace(there, baseline=np.stack(baselines)))
        if self.walk.spec.baseline:
            own = self.feeds.baseline(request.batch, request.baseline).x
            return self.walk.run(replace(there, baseline=own[list(rows)]))
        return self.walk.run(there)

    def _at(self, request: Request, chosen: Array, rows: Sequence[int], points: Sequence[Array]) -> Request:
        return request.at(self.model.explained_input.name, rows, np.stack(points), chosen)

    def _size(self, batch: Batch) -> int:
        """Return how many samples of rows like those of a batch go through one walk."""
        return self.model.fixed_batch or self.walk.engine.rows_that_fit(batch.feeds)

    def _for_walks(self, request: Request) -> Request:
        """Return the request with the walk's own seed; where gradients are integrated, with that of the derivative."""
        objective = request.objective
        seed = self.seed_of_walks(objective.seed) if isinstance(objective.seed, str) else objective.seed
        return replace(request, objective=replace(objective, seed=seed, default=self.walk.spec.seed))

    def seed_of_walks(self, seed: str | None) -> str | None:
        """Return the seed of the walks: where gradients are integrated, that of the derivative."""
        integrates = self.spec.conserves and not self.walk.spec.conserves
        return SLOPES.get(seed, seed) if integrates and seed is not None else seed

    def _score(self, request: Request) -> Scored:
        return score(self.model, self.walk.engine, request)

    def _baselines(self, request: Request) -> list[Array]:
        """Return the baselines of each row, [B, ...] each; none for a method without a baseline."""
        batch = request.batch
        if not self.spec.baseline:
            return [batch.x[:0]] * len(batch.x)
        if self.sampler.crosses:
            return [self.feeds.baselines(batch, request.baseline)] * len(batch.x)
        return list(self.feeds.baseline(batch, request.baseline).x[:, np.newaxis])

    def _delta(self, request: Request, seen: Scored, baselines: Sequence[Array], sums: Sequence[Sum]) -> Array | None:
        """Return how far the attributions are from what they should sum to; None where no law says.

        For walks that conserve it is the mean of their own gaps; for an integral of gradients it is Σ attribution
        - (F(x) - the mean of F over the baselines), F being the explained number.
        """
        if not self.spec.conserves:
            return None
        if self.walk.spec.conserves:
            return np.array([each.gap for each in sums])
        pairs = ((i, baseline) for i, each in enumerate(baselines) for baseline in each)
        ends = np.zeros(len(baselines))
        for batch in batched(pairs, self._size(request.batch)):
            rows, points = zip(*batch, strict=True)
            np.add.at(ends, list(rows), self._score(self._at(request, seen.chosen, rows, points)).number)
        due = seen.number - ends / [len(each) for each in baselines]
        return np.array([each.total for each in sums]) - due


def _walk_of(of: str | Composite, name: str) -> WalkSpec:
    """Return the walk that the method `name` repeats. Raises UsageError where `of` is no method that walks once."""
    from onnxplain.method.registry import find  # which imports this module: it lists the methods that average

    walk = find(of)
    if not isinstance(walk, WalkSpec):
        raise UsageError(f"of={of!r}: method {name!r} averages one that walks backward once")
    return walk


@dataclass(frozen=True)
class Sum:
    """What the walks of a row come to: the attribution, the sum of the mean, and the mean gap of the walks."""

    values: Array
    total: float
    gap: float


class _Moments:
    """Weighted mean or, where `spread` is there, variance of arrays that are added one by one, in float64.

    The weights of all arrays sum to 1. gap: the mean gap of their walks. Source of the variance: West 1979.
    """

    def __init__(self, *, spread: bool) -> None:
        self._spreads = spread
        self.weight = 0.0
        self.mean: Any = 0.0
        self.spread: Any = 0.0
        self.gap = 0.0

    def add(self, value: Array, weight: float, gap: float) -> None:
        """Add one more array."""
        self.weight += weight
        self.gap += weight * gap
        if not self._spreads:  # the mean alone takes two passes over the elements
            self.mean += np.multiply(value, weight, dtype=np.float64)
            return
        step = value - self.mean
        self.mean += step * (weight / self.weight)
        self.spread += weight * step * (value - self.mean)

    def read(self, dtype: Any) -> Sum:
        """The mean or the variance, in this type."""
        values = (self.spread if self._spreads else self.mean).astype(dtype)
        return Sum(values, float(self.mean.sum()), self.gap)


def check_finite(row: int, values: Array, name: str) -> None:
    """Raise NumericalError, which names the row, where what a method has added up is NaN or infinite."""
    if not np.isfinite(values).all():
        raise NumericalError(
            f"row {row}: the attribution that {name!r} averages is NaN or Inf; the way from the baseline to the input "
            "leaves the range of the model's type: scale the input, or give a closer baseline="
        )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`, of which the last may be shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
