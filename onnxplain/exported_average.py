"""Methods that average, as a Loop of ONNX: the walk at fixed points of each row (see `repeated`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto

from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, BASELINE
from onnxplain.engines.onnxruntime.nodes import DOUBLE, FLOAT, Nodes, integers
from onnxplain.engines.onnxruntime.prologue import add_twins
from onnxplain.engines.onnxruntime.repeated import Repeated, repeat, row_of
from onnxplain.errors import UsageError
from onnxplain.exported_walk import part_of, read_sample, rows_at_once, seed_spec, traced, with_baseline
from onnxplain.method.samplers import EachBaseline, SmoothGrad
from onnxplain.passes import attach_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.repeated import Shape
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.averages import AverageMethod
    from onnxplain.method.request import Request

LARGEST = 2**26
"""The most bytes of noise, or of baselines, that a file may hold beside the model."""


@dataclass(frozen=True)
class _EachOf:
    """The row itself, once with each baseline of a table [K, *row], and the mean of the walks. name: of the input."""

    name: str
    table: Array = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.table)

    @property
    def totals(self) -> Sequence[Shape]:
        return [self.table.shape[1:]]

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        like = n("Shape", n("Unsqueeze", given[self.name], integers(0)))
        return {BASELINE + self.name: n("Expand", self._picked(n, index), like)}

    def add(self, n: Nodes, index: str, found: str, given: Mapping[str, str]) -> Sequence[str]:  # noqa: ARG002
        return [_weighed(n, found, np.full((1,) * (self.table.ndim + 1), 1 / self.count))]

    def result(self, n: Nodes, totals: Sequence[str], given: Mapping[str, str]) -> str:  # noqa: ARG002
        return n("Cast", totals[0], to=FLOAT)

    def _picked(self, n: Nodes, index: str, numbers: Array | None = None) -> str:
        """Emit the rows of the table for the points, of these numbers, as [P, 1, *row]; at 0 there is any."""
        table = self.table
        if len(table) == 1:
            same = table.min() == table.max()
            return n.constant(np.full((1,) * (table.ndim + 1), table.flat[0]) if same else table[np.newaxis])
        numbers = np.arange(len(table)) if numbers is None else numbers
        return n("Unsqueeze", n("Gather", table, n("Gather", np.concatenate([[0], numbers]), index)), integers(1))


@dataclass(frozen=True)
class _Straight(_EachOf):
    """Points on straight lines from the baselines to the row, and the gradients there times the way x - x₀.

    numbers: of the baseline of each point. shares: how much of the way lies before each point. weights: of the points.
    """

    numbers: Array = field(repr=False)
    shares: Array = field(repr=False)
    weights: Array = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.shares)

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        start, way = self._line(n, index, given)
        step = n("Mul", self._each(n, self.shares, index), n("Cast", way, to=DOUBLE))
        return {self.name: n("Cast", n("Add", n("Cast", start, to=DOUBLE), step), to=FLOAT)}  # rounded once

    def add(self, n: Nodes, index: str, found: str, given: Mapping[str, str]) -> Sequence[str]:
        product = n("Mul", found, self._line(n, index, given)[1])
        return [_weighed(n, product, self._each(n, self.weights, index))]

    def _line(self, n: Nodes, index: str, given: Mapping[str, str]) -> tuple[str, str]:
        """Emit x₀ [P, 1, *row] and x - x₀ [P, N, *row] of the points."""
        start = self._picked(n, index, self.numbers)
        return start, n("Sub", given[self.name], start)

    def _each(self, n: Nodes, numbers: Array, index: str) -> str:
        """Emit numbers, one for each point, as [P, 1, ...] beside values [P, N, *row]; at 0 there is 0."""
        found = n("Gather", np.concatenate([[0.0], numbers]), index)
        return n("Reshape", found, integers(-1, *[1] * self.table.ndim))


@dataclass(frozen=True)
class _Noisy(_EachOf):
    """Points beside the row, x + σ (max x - min x) n for the noise n of the table; the mean of the walks there."""

    sigma: float

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        x, axes = given[self.name], integers(*range(1, self.table.ndim))
        span = n("Sub", n("ReduceMax", x, axes, keepdims=1), n("ReduceMin", x, axes, keepdims=1))
        scale = n("Mul", n("Cast", span, to=DOUBLE), np.array(float(self.sigma)))
        step = n("Mul", n("Cast", self._picked(n, index), to=DOUBLE), scale)
        return {self.name: n("Cast", n("Add", n("Cast", x, to=DOUBLE), step), to=FLOAT)}  # rounded once


@dataclass(frozen=True)
class _Varied(_Noisy):
    """The variance of the walks: that of the differences from the walk at the row itself, which are small."""

    @property
    def totals(self) -> Sequence[Shape]:
        return [self.table.shape[1:]] * 2

    def add(self, n: Nodes, index: str, found: str, given: Mapping[str, str]) -> Sequence[str]:
        away = n("Sub", n("Cast", found, to=DOUBLE), n("Cast", given[ATTRIBUTION], to=DOUBLE))
        return [*super().add(n, index, away, given), *super().add(n, index, n("Mul", away, away), given)]

    def result(self, n: Nodes, totals: Sequence[str], given: Mapping[str, str]) -> str:  # noqa: ARG002
        mean, squares = totals
        return n("Cast", n("Sub", squares, n("Mul", mean, mean)), to=FLOAT)


def averaged(
    method: AverageMethod, seed: str | None, request: Request | None = None, before: GraphProto | None = None
) -> onnx.ModelProto:
    """Return the model with the walks of a method that averages.

    request: to the method, for a batch of the shapes of its inputs and a baseline; by default of zeros, and that of the
    method. before: see `Repeated`.
    """
    walk, name, scores = method.walk, method.model.explained_input.name, method.walk.canonical.scores
    batch, given = (
        (read_sample(method.model, method.feeds), None) if request is None else (request.batch, request.baseline)
    )
    points = _points(method, name, batch, _baselines(method, batch, given))
    joint = traced(part_of(walk, seed_spec(method.model, method.seed_of_walks(seed), walk.spec.seed)), batch.feeds)
    moved, alone = name, frozenset[str]()
    if isinstance(method.sampler, EachBaseline):
        moved, alone = BASELINE + name, frozenset({BASELINE + name})
        proto = add_twins(attach_weights(joint.proto, joint.weights), name, joint.reads)
    else:
        proto = with_baseline(walk, joint, batch, given)
    rows = {each.name: row_of(each) for each in proto.graph.output}
    kept = {scores, ATTRIBUTION} if method.sampler.spread else {scores}
    spec = Repeated(
        model=proto,
        x=name,
        moved={moved: batch.x.shape[1:]},
        alone=alone,
        by_row=batch.by_row,
        kept={each: rows[each] for each in sorted(kept)},
        found=rows[ATTRIBUTION],
        row=rows[ATTRIBUTION],
        rows=rows_at_once(method.model),
        before=before or GraphProto(),
    )
    return repeat(spec, points, scores)


def _points(method: AverageMethod, name: str, batch: Batch, baseline: Array) -> _EachOf:
    """Return the points of a method that averages. Raises UsageError where they are too large for a file."""
    sampler, row = method.sampler, batch.x.shape[1:]
    if isinstance(sampler, SmoothGrad):
        _check_size(method.spec.name, "samples", sampler.samples, row)
        noise = np.stack(list(sampler.noise(row, np.random.default_rng(sampler.random_seed))))
        return (_Varied if sampler.spread else _Noisy)(name, noise, sampler.sigma)
    _check_size(method.spec.name, "rows of baseline", len(baseline), row)
    if isinstance(sampler, EachBaseline):
        return _EachOf(name, baseline)
    # drawn for a row of two numbers, of which one says how far a point has come and the other one from which baseline
    ends = np.stack([np.arange(len(baseline)), np.zeros(len(baseline))], 1).astype(float)
    drawn = list(sampler.draw(np.array([0.0, 1.0]), ends, np.random.default_rng(sampler.random_seed)))
    numbers = np.array([-np.asarray(each.factor)[0] for each in drawn]).astype(np.int64)
    shares, weights = np.array([each.point[1] for each in drawn]), np.array([each.weight for each in drawn])
    return _Straight(name, baseline, numbers, shares, weights)


def _check_size(method: str, what: str, count: int, row: Shape) -> None:
    """Raise UsageError where that many rows of numbers would make the file too large."""
    most = LARGEST // (4 * prod(row))
    if count > most:
        raise UsageError(
            f"{method}: {count} {what} of shape {list(row)} take {4 * prod(row) * count} bytes, and export writes "
            f"{LARGEST} of them into a file at most: give {most} or fewer"
        )


def _weighed(n: Nodes, found: str, weights: str | Array) -> str:
    """Emit the sum over the points, weighed, in float64."""
    return n("ReduceSum", n("Mul", n("Cast", found, to=DOUBLE), weights), integers(0), keepdims=0)


def _baselines(method: AverageMethod, batch: Batch, baseline: ArrayLike | None) -> Array:
    """Return the baselines [B, *row] of a method; none for one that reads none."""
    if not method.spec.baseline:
        return batch.x[:0]
    if method.sampler.crosses:
        return np.asarray(method.feeds.baselines(batch, baseline), np.float32)
    return np.asarray(method.feeds.baseline(batch, baseline).x[:1], np.float32)
