"""Perturbing: a method that perturbs, row by row; each row's perturbations go in batches of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.budget import rows_at_once
from onnxplain.errors import NumericalError, UsageError
from onnxplain.method.registry import find
from onnxplain.method.request import Answer
from onnxplain.method.scoring import Scoring
from onnxplain.method.walk_method import WALKERS, Walking, check_slope
from onnxplain.perturb.learnt import check_grid
from onnxplain.progress import progress
from onnxplain.walk.objective import SLOPES, Neuron

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.method.request import Request
    from onnxplain.method.spec import Perturbation
    from onnxplain.model import Model
    from onnxplain.perturb.subject import Found, Perturber
    from onnxplain.plan.plan import Plan


class Perturbing:
    """The procedure of a `Perturbation`. It walks only for a method that asks for a gradient."""

    def __init__(
        self, model: Model, method: Perturbation, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError(f"method {method.name!r} perturbs the input; layer= belongs to a method that walks")
        self.model, self.method, self.feeds = model, method, feeds
        self.how: Perturber = method.build(**parameters)
        self.parameters: dict[str, Any] = method.parameters | parameters | vars(self.how)
        self.walking = _walking(model, method.name, self.how.learns, feeds) if self.how.learns else None
        self.walker = self.walking.walker if self.walking else WALKERS[model.engine](model.canonical, model.precision)
        fit = rows_at_once(model.canonical.graph, model.itemsize, self.walker.budget)
        self.at_once = _rounded(min(fit, self.walker.enough), model.fixed_batch)
        self.scoring = Scoring(model, method.seed, self.walker, self.at_once)

    @property
    def plan(self) -> Plan | None:
        """The plan of the gradient; None for a method that walks nothing."""
        return self.walking.plan if self.walking else None

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self.walker.providers

    def answer(self, request: Request) -> Answer:
        """Explain row by row; what is predicted is read at the row itself."""
        request = request.precise(self.model.precision)
        seen = self.scoring.read(request)
        stills = self.feeds.baseline(request.batch, request.baseline).x
        rows = [self._row(request, i, stills[i], seen.chosen) for i in range(len(stills))]
        with progress(self.method.name, sum(map(self.how.count, rows)), "run") as bar:
            found = [self.how.explain(replace(row, bar=bar)) for row in rows]
        dtype = seen.scores.dtype
        attribution = np.stack([_spread(row, each.map) for row, each in zip(rows, found, strict=True)]).astype(dtype)
        masks = [each.raw for each in found if each.raw is not None]
        raw = np.stack(masks) if masks else None
        return Answer(attribution, seen.score, seen.scores, seen.chosen, _delta(attribution, found), raw)

    def _row(self, request: Request, i: int, still: Array, chosen: Array) -> Row:
        """Row i, with random numbers of its own: it gets the same ones alone."""
        axis = request.batch.channel_axis
        rng = np.random.default_rng(self.how.random_seed)
        return Row(self, request, i, chosen, request.batch.x[i], still, axis and axis - 1, rng)


@dataclass(frozen=True)
class Row:
    """One row of a request, as `onnxplain.perturb.subject.Subject` asks."""

    perturbing: Perturbing
    request: Request
    index: int
    chosen: Array
    x: Array
    reference: Array
    channel_axis: int | None
    rng: np.random.Generator
    bar: Any = None

    @property
    def at_once(self) -> int:
        """How many rows go in one forward run."""
        return self.perturbing.at_once

    def score(self, rows: Array) -> Array:
        """The explained number of each of `rows`."""
        numbers = self.perturbing.scoring.read(self._asked(rows)).number
        self.bar.update(len(rows))
        return self._finite(numbers)

    def gradient(self, rows: Array) -> tuple[Array, Array]:
        """The explained number of each of `rows`, and its derivative, by the walk of the gradient."""
        walking = self.perturbing.walking
        if walking is None:
            raise TypeError(f"{self.perturbing.method.name} did not ask for a gradient")
        asked = self._asked(rows)
        kind = self.perturbing.method.seed if asked.seed is None else asked.seed
        if isinstance(asked.target, Neuron):
            kind = "one"  # the number is its value
        answer = walking.answer(replace(asked, seed=SLOPES.get(kind, kind) if isinstance(kind, str) else kind))
        self.bar.update(len(rows))
        return self._finite(answer.score), answer.attribution

    def _asked(self, rows: Array) -> Request:
        """The request at perturbed rows, for the class of the row itself."""
        model = self.perturbing.model
        return self.request.at(model.explained_input.name, [self.index] * len(rows), rows, self.chosen)

    def _finite(self, numbers: Array) -> Array:
        if not np.isfinite(numbers).all():
            raise NumericalError(
                f"row {self.index}: the score is NaN or Inf where the input is perturbed; the method leaves the range "
                "that the model can bear: give value= or baseline= within it"
            )
        return numbers


def _walking(model: Model, name: str, most: int, feeds: Feeds) -> Walking:
    """The walk of the gradient, for a method that learns a mask over `most` axes of the input."""
    walk: Any = find("gradient")
    walking = Walking(model, walk, {}, feeds)
    check_slope(model, name)
    axis, _ = feeds.channel_axis(model.input_shape)
    check_grid(name, most, model.input_shape[1:], axis and axis - 1)
    return walking


def _rounded(rows: int, fixed: int | None) -> int:
    """Down to a whole number of the file's fixed batches, at least one."""
    return max(1, rows // fixed) * fixed if fixed else rows


def _spread(row: Row, places: Array) -> Array:
    """A map over places as an attribution of the row, in equal parts over channels."""
    axis = row.channel_axis
    if axis is None:
        return places
    channels = row.x.shape[axis]
    return np.asarray(np.repeat(np.expand_dims(places / channels, axis), channels, axis))


def _delta(attribution: Array, found: list[Found]) -> Array | None:
    """Σ attribution minus what it should be, where a law says."""
    due = [each.due for each in found if each.due is not None]
    sums = attribution.reshape(len(attribution), -1).sum(1, dtype="float64")
    return sums - np.array(due) if due else None
