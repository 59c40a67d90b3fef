"""Walking: a method that walks backward once, chunk of rows by chunk of rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.engines.budget import rows_at_once
from onnxplain.engines.cupy.device import cudnn_walker, cupy_walker
from onnxplain.engines.eager import Asked, Walked, Walker, numpy_walker
from onnxplain.engines.onnxruntime.compiled import CompiledWalker
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.feeds import Batch, rows_of
from onnxplain.method.grid import channel_axes
from onnxplain.method.request import Answer, Request, head, joined, rows_part
from onnxplain.ops import Family, registry
from onnxplain.walk.book import Watch
from onnxplain.walk.objective import Neuron, Question, known_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.method.spec import Walk
    from onnxplain.model import Model
    from onnxplain.plan.composite import Composite
    from onnxplain.plan.plan import Plan

WALKERS: dict[str, Callable[..., Walker]] = {
    "onnxruntime": CompiledWalker,
    "numpy": numpy_walker,
    "cupy": cupy_walker,
    "cudnn": cudnn_walker,
}
"""By the name of the model's engine."""


class Walking:
    """The procedure of a `Walk`. layer: name of an inner value to attribute to instead of the input."""

    def __init__(
        self, model: Model, method: Walk, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        self.model = model
        self.method = method
        self.feeds = feeds
        self.layer = layer
        given = _with_bounds(model, method.parameters, parameters)
        self.composite: Composite = method.build(**given)
        self.parameters = method.parameters | given
        self.canonical = model.expanded(_is_norm) if method.baseline else model.canonical
        self._plans: dict[str, Plan] = {}
        self.plan = self._plan(self.canonical.scores)
        self.walker = WALKERS[model.engine](self.canonical, model.precision)
        self.at_once = rows_at_once(self.canonical.graph, model.itemsize, self.walker.budget)

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self.walker.providers

    def answer(self, request: Request) -> Answer:
        """Walk all rows, as many at once as fit."""
        plan = self._plan(self._tensor(request.target))
        chunks = zip(self._chunks(request.batch), self._stills(request), strict=False)
        return joined(self._answer(plan, request, rows, feeds, still) for (rows, feeds), still in chunks)

    # --- chunk by chunk -------------------------------------------------------------------------------------------

    def _answer(
        self, plan: Plan, request: Request, rows: slice, feeds: dict[str, Array], still: dict[str, Array] | None
    ) -> Answer:
        question = self._question(request, rows)
        asked = Asked(plan, question, feeds, still, request.book)
        walked = self.walker.walk(asked)
        if not np.isfinite(walked.arrived).all():
            self.walker.walk(replace(asked, book=Watch()))
        attribution = self.method.readout(walked.x, walked.x0, walked.arrived)
        delta = self._delta(attribution, walked)
        axes = feeds[self.model.explained_input.name].ndim
        if attribution.ndim > axes and not self.layer:  # embeddings: one attribution a token
            attribution = attribution.sum(tuple(range(axes, attribution.ndim)))
        score = question.score(walked.value, walked.start, walked.chosen)
        return head(Answer(attribution, score, walked.scores, walked.chosen, delta), question.rows)

    def _question(self, request: Request, rows: slice) -> Question:
        target, seed = rows_part(request.target, rows), rows_part(request.seed, rows)
        real = rows.stop - rows.start
        return Question(target, seed, self.method.seed, self.model.labels, real, self.canonical.alone)

    def _chunks(self, batch: Batch) -> Iterator[tuple[slice, dict[str, Array]]]:
        return rows_of(batch, self.model.fixed_batch, self.at_once)

    def _stills(self, request: Request) -> Iterator[dict[str, Array] | None]:
        """The baseline's feeds, chunk by chunk; None for every chunk where the method has no baseline."""
        if not self.method.baseline:
            return repeat(None)
        return (feeds for _, feeds in self._chunks(self.feeds.baseline(request.batch, request.baseline)))

    def _delta(self, attribution: Array, walked: Walked) -> Array | None:
        """Σ attribution minus what it should be: f(x) - f(x₀) for DeepLIFT, the seed for LRP."""
        if not self.method.conserves:
            return None
        due = walked.start if walked.value0 is None else walked.start * (walked.value - walked.value0)
        rows = len(attribution)
        sums = (each.reshape(rows, -1).sum(1, dtype="float64") for each in (attribution, due))
        return np.asarray(next(sums) - next(sums))

    # --- plans ----------------------------------------------------------------------------------------------------

    def _tensor(self, target: Any) -> str:
        return self._known(target.tensor) if isinstance(target, Neuron) else self.canonical.scores

    def _known(self, name: str) -> str:
        return known_value(self.canonical.graph, name)

    def _plan(self, target: str) -> Plan:
        if target not in self._plans:
            root = self.model.root if self.layer is None else self._known(self.layer)
            self._plans[target] = self.composite.resolve(self.canonical.graph, root, target)
        return self._plans[target]


def check_slope(model: Model, method: str) -> None:
    """Raise UnsupportedModelError where a method moves the input, and what is walked to lies behind it."""
    if model.root != model.explained_input.name:
        raise UnsupportedModelError(
            f"method {method!r} moves the input along its gradient, and {model.explained_input.name!r} has none: it "
            f'holds {model.explained_input.dtype}; try method="occlusion", which needs only the forward run'
        )


def _is_norm(node: Any) -> bool:
    op = registry().get(node.op)
    return op is not None and op.family is Family.NORMALISE


def _with_bounds(model: Model, known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """zᴮ needs the bounds of the input: the preprocessing knows them, where there is one."""
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
    """One number per channel, to broadcast on the root; along its last axis where the graph does not tell channels."""
    graph, root = model.canonical.graph, model.root
    rank = len(graph.tensors()[root].shape or model.input_shape)
    return np.moveaxis(bound.reshape(*(1,) * (rank - 1), -1), -1, channel_axes(graph).get(root, -1))


def _plain(bound: Array) -> Array | float:
    """One number where all channels share it, which fits the input of a table too."""
    return float(bound.flat[0]) if (bound == bound.flat[0]).all() else bound
