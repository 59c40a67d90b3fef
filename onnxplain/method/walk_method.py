"""Methods that walk backward once: what is declared of one, and how it runs, chunk of rows by chunk of rows."""

from __future__ import annotations

import logging
from dataclasses import KW_ONLY, dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.engines.base import WalkRequest
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.guard.engine import GuardedEngine
from onnxplain.method.complete import incomplete, warn_incomplete
from onnxplain.method.finite import check_baseline
from onnxplain.method.readout import folded, message
from onnxplain.method.request import Result, first_rows, joined
from onnxplain.method.spec import MethodSpec
from onnxplain.method.zero_norm import check_norms, suspicious
from onnxplain.ops import Family, find_op
from onnxplain.ops.channels import channel_axes
from onnxplain.plan.conditions import checked, conditioned
from onnxplain.rows.inner import turned
from onnxplain.walk.book import Watch
from onnxplain.walk.neuron import Neuron, known_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkResult
    from onnxplain.feeds import Feeds
    from onnxplain.method.readout import Readout
    from onnxplain.method.request import Request
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.plan.plan import Plan

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WalkSpec(MethodSpec):
    """A method that walks backward; `make` builds its composite.

    readout: makes the attribution of the input, the baseline and the message that arrives at the input. A method with a
    baseline runs forward on it too, and has the NORMALISE operators in primitive steps.
    norm: whether a token's attribution is the norm of what its embedding gets, and not the sum (see `folded`).
    """

    _: KW_ONLY
    readout: Readout = message
    norm: bool = False

    @property
    def compares(self) -> bool:
        """See `MethodSpec`."""
        return self.baseline


class WalkMethod:
    """A `WalkSpec` on a model. layer: name of an inner value to attribute to instead of the input.

    conditions: channels by the name of a value, through which alone messages pass; see `onnxplain.plan.conditions`.
    """

    def __init__(
        self,
        model: Model,
        spec: WalkSpec,
        parameters: dict[str, Any],
        feeds: Feeds,
        layer: str | None = None,
        conditions: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        check_input(model, spec.name)
        self.model = model
        self.spec = spec
        self.feeds = feeds
        self.layer = layer
        given = _with_bounds(model, spec.parameters, parameters)
        self.composite: Composite = spec.build(**given)
        self.conditions = {} if conditions is None else checked(conditions)
        if self.conditions and spec.baseline:
            raise UsageError(f"conditions: method {spec.name!r} passes on multipliers, and no relevance of channels")
        self.parameters = spec.parameters | given | ({"conditions": self.conditions} if self.conditions else {})
        self.canonical = model.expanded(_in_steps) if spec.baseline else model.canonical
        self._root = model.root
        if layer is not None:
            self.canonical, found = turned(self.canonical, layer)
            self._root = self._known(found)
        self.fixed_batch = model.fixed_batch
        self._plans: dict[str, Plan] = {}
        self._warned = False  # that completeness is lost is said once
        self.plan = self._plan_to(self.canonical.scores)
        self.engine = GuardedEngine(model, self.canonical)

    @property
    def folds_by_norm(self) -> bool:
        """Whether a token's attribution is the norm of what its embedding gets."""
        return self.spec.norm

    def run(self, request: Request) -> Result:
        """Walk all rows, as many at once as fit."""
        target = request.objective.target
        plan = self._plan_to(self._known(target.tensor)) if isinstance(target, Neuron) else self.plan
        most = self.engine.rows_that_fit(request.batch.feeds) if len(request.batch.x) > 1 else 1
        chunks = request.batch.chunks(most, self.fixed_batch)
        parts = []
        for (rows, short, feeds), baseline in zip(chunks, self._baselines(request), strict=False):
            part = short or rows.stop - rows.start < len(request.batch.x)
            objective = request.objective.rows(rows, short) if part else request.objective
            parts.append(
                self._walk(WalkRequest(plan, objective, feeds, baseline, request.book), rows.stop - rows.start)
            )
        if len(parts) == 1:
            return parts[0]
        _log.info(
            "%d rows in %d chunks, as many rows at once as fit the memory budget and the caches",
            len(request.batch.x),
            len(parts),
        )
        return joined(parts)

    # --- chunk by chunk -------------------------------------------------------------------------------------------

    @np.errstate(over="ignore", invalid="ignore")  # what is no finite number is refused, with where it comes from
    def _walk(self, request: WalkRequest, rows: int) -> Result:
        """Return what one walk finds of its first `rows` rows; those behind them only fill it up."""
        walked = self.engine.walk(request)
        attribution = self.spec.readout(walked.x, walked.x0, walked.arrived)
        due = request.feeds[self.model.explained_input.name].shape
        self._check_shape(attribution, due, len(walked.scores))
        finite = bool(np.isfinite(walked.scores).all())  # else the scores themselves are refused later
        if self.spec.baseline and finite and suspicious(attribution, walked):
            check_norms(self.model.canonical.graph, self.engine, request)
        delta = self._delta(attribution, walked)
        if self.spec.baseline and delta is not None:
            check_baseline(self.spec.name, walked.scores, _due(walked))
        if finite and not np.isfinite(walked.arrived).all():
            self.engine.walk(replace(request, book=Watch()))
        if self.spec.baseline and finite and delta is not None:
            self._warn(attribution, delta, walked, request)
        if attribution.ndim > len(due) and not self.layer:  # embeddings: one attribution a token
            attribution = folded(attribution, tuple(range(len(due), attribution.ndim)), norm=self.folds_by_norm)
        score = request.objective.score(walked.value, walked.start, walked.chosen)
        result = Result(attribution, score, walked.scores, walked.chosen, delta)
        return result if len(score) == rows else first_rows(result, rows)

    def _warn(self, attribution: Array, delta: Array, walked: WalkResult, request: WalkRequest) -> None:
        """Warn once where the attributions do not sum to the difference from the baseline."""
        if not self._warned and incomplete(attribution, delta, walked).any():
            self._warned = True
            warn_incomplete(self.spec.name, self.engine, request, attribution, delta)

    def _check_shape(self, attribution: Array, due: tuple[int, ...], rows: int) -> None:
        """Raise UnsupportedModelError for an attribution that is not of each row or, without a layer, of each input.

        due: the shape of the input, behind which an embedding has axes of its own.
        """
        if len(attribution) != rows or not (self.layer or attribution.shape[: len(due)] == due):
            what = f"the layer {self.layer!r}" if self.layer else f"the value {self.plan.root!r} behind the input"
            raise UnsupportedModelError(
                f"{what} has the shape {attribution.shape}, for {rows} rows of shape {due[1:]}: it can be "
                "attributed to where its first axis holds the rows and, without layer=, it has the axes of the input"
            )

    def _baselines(self, request: Request) -> Iterator[dict[str, Array] | None]:
        """Yield the baseline's feeds for each chunk; None, again and again, for a method without a baseline."""
        if not self.spec.baseline:
            return repeat(None)
        batch = self.feeds.baseline(request.batch, request.baseline)
        return (feeds for _, _, feeds in batch.chunks(self.engine.rows_that_fit(batch.feeds), self.fixed_batch))

    def _delta(self, attribution: Array, walked: WalkResult) -> Array | None:
        """Return Σ attribution minus what it should be: f(x) - f(x₀) for DeepLIFT, the seed for LRP."""
        if not self.spec.conserves or self.conditions:
            return None
        return np.asarray(attribution.reshape(len(attribution), -1).sum(1, dtype="float64") - _due(walked))

    # --- plans ----------------------------------------------------------------------------------------------------

    def _known(self, name: str) -> str:
        return known_value(self.canonical, name)

    def _plan_to(self, target: str) -> Plan:
        """Return the plan from the value `target` back to the explained value."""
        if target not in self._plans:
            replaced = self.model.explained_input.name if self.spec.baseline else None
            graph, names = self.canonical.graph, {self._known(name): each for name, each in self.conditions.items()}
            plan = self.composite.resolve(graph, self._root, target, replaced)
            self._plans[target] = conditioned(plan, graph, names) if names else plan
        return self._plans[target]


def _due(walked: WalkResult) -> Array:
    """Return what the attributions of each row should sum to: the seed, or the difference that it makes."""
    due = walked.start if walked.value0 is None else walked.start * (walked.value - walked.value0)
    return np.asarray(due.reshape(len(due), -1).sum(1, dtype="float64"))


def check_input(model: Model, method: str) -> None:
    """Raise UsageError where the inputs are the columns of a table: a walk attributes to one of them alone."""
    if model.table is not None:
        names = ", ".join(repr(part.name) for part in model.table.parts[:5])
        raise UsageError(
            f"method {method!r} attributes to one input, and several inputs, or words, are the columns of one table: "
            f'{names}{" ..." if len(model.table.parts) > 5 else ""}; take method="kernel_shap" or "occlusion" for all '
            "columns at once, or name an input of floats with input="
        )


def check_slope(model: Model, method: str) -> None:
    """Raise UnsupportedModelError where a method moves the input, and only a value behind the input has a slope."""
    if model.root != model.explained_input.name:
        raise UnsupportedModelError(
            f"method {method!r} moves the input along its gradient, and {model.explained_input.name!r} has none: it "
            f'holds {model.explained_input.dtype}; try method="occlusion", which needs only the forward run'
        )


def _in_steps(node: gs.Node) -> bool:
    """Whether a method that compares with a baseline has an operator in primitive steps."""
    op = find_op(node.domain, node.op)
    return op is not None and (op.family is Family.NORMALISE or op.name == "TopK")


def _with_bounds(model: Model, known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with the bounds that zᴮ needs: as given, or those that the preprocessing implies."""
    if {"low", "high"} <= known.keys() & given.keys():
        bounds = zip(("low", "high"), checks.interval(given["low"], given["high"]), strict=True)
        return given | {name: _along_channels(model, bound) for name, bound in bounds if bound.ndim == 1}
    if {"low", "high"} <= known.keys() and not {"low", "high"} & given.keys():
        if model.preprocess is None:
            raise UsageError(
                "this method needs low= and high=, the bounds of the model's input, or preprocess= at load"
            )
        low, high = map(_plain, model.preprocess.bounds())
        return {"low": low, "high": high, **given}
    return given


def _along_channels(model: Model, bound: Array) -> Array:
    """Return one bound per channel shaped to broadcast on the root, whose last axis counts where no operator tells."""
    graph, root = model.canonical.graph, model.root
    rank = len(graph.tensors()[root].shape or model.input_shape)
    return np.moveaxis(bound.reshape(*(1,) * (rank - 1), -1), -1, channel_axes(graph).get(root, -1))


def _plain(bound: Array) -> Array | float:
    """Return one number where all channels share it: a number fits the input of a table too."""
    return float(bound.flat[0]) if (bound == bound.flat[0]).all() else bound
