"""Methods that perturb: what is declared of one, and how it runs, row by row."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import NumericalError, UsageError
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.guard.engine import GuardedEngine
from onnxplain.hiding import check_mixable
from onnxplain.method.backward import WALKS
from onnxplain.method.finite import check_scores
from onnxplain.method.request import Result
from onnxplain.method.scoring import score
from onnxplain.method.spec import MethodSpec
from onnxplain.method.steady import check_steady
from onnxplain.method.walk_method import WalkMethod, check_slope
from onnxplain.perturb.learnt import check_grid
from onnxplain.progress import progress
from onnxplain.walk.neuron import Neuron
from onnxplain.walk.seed import SLOPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Request
    from onnxplain.method.scoring import Scored
    from onnxplain.model import Model
    from onnxplain.perturb.row import PerturbationResult, Perturber
    from onnxplain.plan.plan import Plan


@dataclass(frozen=True)
class PerturbationSpec(MethodSpec):
    """A method that perturbs the input; `make` builds a method of `onnxplain/perturb/`.

    presets: settings by name, for the parameter `preset=`; a parameter that is given beside it wins.
    many: whether a baseline of several rows is a background for every row, and not one baseline for each row.
    """

    _: KW_ONLY
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    many: bool = False

    @property
    def background(self) -> bool:
        """See `MethodSpec`."""
        return self.many

    @property
    def learns(self) -> int:
        """See `onnxplain.perturb.row.Perturber`."""
        return int(getattr(self.make, "learns", 0))

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the method, and `preset` where there are any."""
        return super().parameters | ({"preset": None} if self.presets else {})

    def build(self, preset: str | None = None, **parameters: Any) -> Any:
        """Return what `make` builds of a preset and the parameters. Raises UsageError for one that is unknown."""
        if preset is None:
            return super().build(**parameters)
        if not isinstance(preset, str) or preset not in self.presets:
            offer = ", ".join(self.presets) or "none"
            raise UsageError(f"method {self.name!r} has no preset {preset!r}; known: {offer}")
        return super().build(**{**self.presets[preset], **parameters})


class PerturbationMethod:
    """A `PerturbationSpec` on a model. It walks only for a perturber that learns a mask by gradients."""

    def __init__(
        self, model: Model, spec: PerturbationSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        if layer is not None:
            raise UsageError(f"method {spec.name!r} perturbs the input; layer= belongs to a method that walks")
        check_steady(model, spec.name)
        self.model, self.spec, self.feeds = model, spec, feeds
        self.perturber: Perturber = spec.build(**parameters)
        self.parameters: dict[str, Any] = spec.parameters | parameters | vars(self.perturber)
        if getattr(self.perturber, "mixes", False) and model.table is None:
            check_mixable(np.empty(0, numpy_dtype(model.explained_input)), spec.name)
        axes = self.perturber.learns
        self.walk = _gradient(model, spec.name, axes, feeds) if axes else None
        self.engine = self.walk.engine if self.walk else GuardedEngine(model)

    @property
    def plan(self) -> Plan | None:
        """The plan of the gradient; None for a method that walks nothing."""
        return self.walk.plan if self.walk else None

    def run(self, request: Request) -> Result:
        """Explain row by row. The predicted class is that of the row itself, not of what it is perturbed into."""
        request = request.precise(self.model.precision)
        known = self.score(request)
        check_scores(self.model, request.batch, known.scores)
        grounds = self._grounds(request)
        rows = [self._row(request, i, grounds[i], known.chosen) for i in range(len(grounds))]
        with progress(self.spec.name, sum(map(self.perturber.count, rows)), "run") as bar:
            results = [self.perturber.explain(replace(row, bar=bar)) for row in rows]
        self.model.check_same(known.scores, lambda: self.score(request).scores)
        dtype = known.scores.dtype
        maps = [_over_channels(row, each.map) for row, each in zip(rows, results, strict=True)]
        attribution = np.stack(maps).astype(dtype)
        masks = [each.raw for each in results if each.raw is not None]
        raw = np.stack(masks) if masks else None
        return Result(attribution, known.score, known.scores, known.chosen, _delta(attribution, results), raw)

    def score(self, request: Request, beside: Mapping[str, Array] | None = None) -> Scored:
        """Return the scores of a request's rows; see `onnxplain.method.scoring.score`."""
        return score(self.model, self.engine, request, self.at_once(request.batch), beside)

    def at_once(self, batch: Batch) -> int:
        """Return how many rows like those of a batch go through one forward run."""
        most = min(self.engine.rows_that_fit(batch.feeds), self.engine.busy_rows)
        return _rounded(most, self.model.fixed_batch)

    def _grounds(self, request: Request) -> list[Array]:
        """Return the baselines of each row, [B, *in]: one, or the background of all rows."""
        if self.spec.many:
            background = self.feeds.baselines(request.batch, request.baseline)
            return [background] * len(request.batch.x)
        return list(self.feeds.baseline(request.batch, request.baseline).x[:, np.newaxis])

    def _row(self, request: Request, i: int, background: Array, chosen: Array) -> RequestRow:
        """Return row i. Each row has a generator of its own, so that it gets the same numbers alone."""
        axis = request.batch.channel_axis
        rng = np.random.default_rng(self.perturber.random_seed)
        return RequestRow(self, request, i, chosen, request.batch.x[i], background, axis and axis - 1, rng)


@dataclass(frozen=True)
class RequestRow:
    """One row of a request, as a perturber sees it: a `onnxplain.perturb.row.Row`."""

    method: PerturbationMethod
    request: Request
    index: int
    chosen: Array
    x: Array
    background: Array
    channel_axis: int | None
    rng: np.random.Generator
    bar: Any = None

    @property
    def baseline(self) -> Array:
        """The first row of the background, which is the only one for most methods."""
        return np.asarray(self.background[0])

    @property
    def named(self) -> bool:
        """Whether the columns of the model's input have names."""
        return self.method.model.features is not None or self.request.batch.table is not None

    @property
    def at_once(self) -> int:
        """How many perturbed rows go through one forward run."""
        return self.method.at_once(self.request.batch)

    def score(self, rows: Array) -> Array:
        """Return the explained number of each of `rows`."""
        numbers = self.method.score(self._at(rows), self._feeds).number
        self.bar.update(len(rows))
        return self._finite(numbers)

    def gradient(self, rows: Array) -> tuple[Array, Array]:
        """Return the explained number of each of `rows`, and its derivative, by a gradient walk."""
        walk = self.method.walk
        if walk is None:
            raise TypeError(f"{self.method.spec.name} did not ask for a gradient")
        there = self._at(rows)
        objective = there.objective
        seed = objective.default if objective.seed is None else objective.seed
        if isinstance(objective.target, Neuron):
            seed = "one"  # the number is the neuron's value
        slope = SLOPES.get(seed, seed) if isinstance(seed, str) else seed
        result = walk.run(replace(there, objective=replace(objective, seed=slope, default=walk.spec.seed)))
        self.bar.update(len(rows))
        return self._finite(result.score), result.attribution

    @cached_property
    def _feeds(self) -> Mapping[str, Array]:
        """The inputs of the model for this row alone."""
        return self._at(self.x[np.newaxis]).batch.feeds

    def _at(self, rows: Array) -> Request:
        """Return the request at perturbed rows, for the class of the row itself."""
        name = self.method.model.explained_input.name
        return self.request.at(name, [self.index] * len(rows), rows, self.chosen)

    def _finite(self, numbers: Array) -> Array:
        if not np.isfinite(numbers).all():
            raise NumericalError(
                f"row {self.index}: the score is NaN or Inf where the input is perturbed; the method leaves the range "
                "that the model can bear: give value= or baseline= within it"
            )
        return numbers


def _gradient(model: Model, name: str, axes: int, feeds: Feeds) -> WalkMethod:
    """Return the gradient walk for a method that learns a mask over at most `axes` axes of the input."""
    walk = WalkMethod(model, WALKS["gradient"], {}, feeds)
    check_slope(model, name)
    channels, _ = feeds.channel_axis(model.input_shape)
    check_grid(name, axes, model.input_shape[1:], channels and channels - 1)
    return walk


def _rounded(rows: int, fixed: int | None) -> int:
    """Round down to a whole number of the file's fixed batches, at least one."""
    return max(1, rows // fixed) * fixed if fixed else rows


def _over_channels(row: RequestRow, places: Array) -> Array:
    """Return a map over places as an attribution of the row: each channel gets an equal part."""
    axis = row.channel_axis
    if axis is None:
        return places
    channels = row.x.shape[axis]
    return np.asarray(np.repeat(np.expand_dims(places / channels, axis), channels, axis))


def _delta(attribution: Array, results: list[PerturbationResult]) -> Array | None:
    """Return Σ attribution minus what it should be, where a law says."""
    due = [each.due for each in results if each.due is not None]
    sums = attribution.reshape(len(attribution), -1).sum(1, dtype="float64")
    return sums - np.array(due) if due else None
