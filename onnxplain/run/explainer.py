"""The explainer: a model and a method, planned once and called many times."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.explanation import Explanation
from onnxplain.method import find
from onnxplain.ops import Family, registry
from onnxplain.run.book import Book, Watch
from onnxplain.run.compiled import CompiledWalker
from onnxplain.run.eager import EagerWalker, Walked, Walker
from onnxplain.run.feeds import Batch, Feeds, rows_of
from onnxplain.run.memory import rows_at_once
from onnxplain.run.record import make_record
from onnxplain.run.smooth import smooth
from onnxplain.run.target import Neuron, Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxplain.method.composite import Composite
    from onnxplain.method.plan import Plan
    from onnxplain.model import Model

Array = np.ndarray[Any, Any]
WALKERS: dict[str, Callable[..., Walker]] = {"onnxruntime": CompiledWalker, "numpy": EagerWalker}
"""By the name of the model's engine."""


class Explainer:
    """Explain many inputs by one method.

    method: a name of `methods()`, or a `Composite` of one's own. baseline: a number or an array like the input, in
    model space. layer: name of an inner value to attribute to instead of the input. smooth: sigma in pixels of a
    Gaussian over the map, for any method. Further keywords are the method's parameters.

    Raises UsageError for an unknown name or parameter, UnsupportedModelError where the method has no plan.
    """

    def __init__(
        self,
        model: Model,
        method: str | Composite = "gradient",
        *,
        baseline: Any = 0.0,
        layer: str | None = None,
        smooth: float = 0.0,
        **parameters: Any,
    ) -> None:
        self.model = model
        self.method = find(method)
        self.parameters = _with_bounds(model, self.method.parameters, parameters)
        self.layer = layer
        self.smooth = smooth
        self._composite = self.method.build(**self.parameters)
        self.canonical = model.expanded(_is_norm) if self.method.baseline else model.canonical
        self.feeds = Feeds(model, baseline)
        self._plans: dict[str, Plan] = {}
        self.plan = self._plan(self.canonical.scores)
        self._walker = WALKERS[model.engine](self.canonical, model.precision)
        self._at_once = rows_at_once(self.canonical.graph, 8 if model.precision == "float64" else 4)

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self._walker.providers

    def __call__(
        self, x: Any, target: Any = None, *, seed: Any = None, baseline: Any = None, book: bool = False
    ) -> Explanation:
        """Explain the rows of `x`: an array, a picture, a path or a list of them, or a dict of all inputs.

        target: a class index, a label, one per row, a `Neuron`, or None for the predicted class.
        seed: "logit", "one", "probability", "contrast", or an array like the scores; by default the method's.
        book: keep accounts of where relevance went, node by node.
        """
        batch = self.feeds.read(x)
        _check_rows(target, len(batch.x))
        plan = self._plan(self._tensor(target))
        notebook = Book() if book else None
        parts = []
        for (rows, feeds), still in zip(self._chunks(batch), self._stills(batch, baseline), strict=False):
            real = rows.stop - rows.start
            question = Question(_part(target, rows), _part(seed, rows), self.method.seed, self.model.labels, real)
            walked = self._walker.walk(plan, question, feeds, still, notebook)
            if not np.isfinite(walked.arrived).all():
                self._walker.walk(plan, question, feeds, still, Watch())
            parts.append(self._answer(walked, feeds, real))
        whole = _Part.join(parts)
        chosen = target if isinstance(target, Neuron) else whole.chosen
        return Explanation(
            attribution=smooth(whole.attribution, self.smooth, batch.channel_axis),
            target=chosen,
            score=whole.score,
            prediction=whole.scores,
            delta=whole.delta,
            method=self.method.name,
            plan=plan,
            labels=self._labels(target, whole.chosen),
            record=make_record(self, batch, chosen, seed),
            channel_axis=None if self.layer else batch.channel_axis,
            inputs=batch.x,
            images=batch.images,
            features=self.model.features,
            book=notebook,
        )

    def attribute(self, inputs: Any, target: Any = None, baselines: Any = None) -> Array:
        """captum's words: the attribution array alone."""
        return self(inputs, target, baseline=baselines).attribution

    # ----------------------------------------------------------------------------------------------------------

    def _chunks(self, batch: Batch) -> Iterator[tuple[slice, dict[str, Array]]]:
        return rows_of(batch, self.model.fixed_batch, self._at_once)

    def _stills(self, batch: Batch, baseline: Any) -> Iterator[dict[str, Array] | None]:
        """The baseline's feeds, chunk by chunk; for ever None for a method without a baseline."""
        if not self.method.baseline:
            return repeat(None)
        return (feeds for _, feeds in self._chunks(self.feeds.baseline(batch, baseline)))

    def _answer(self, walked: Walked, feeds: dict[str, Array], real: int) -> _Part:
        """Read out the attribution, its score and its completeness gap; rows that only fill the batch go."""
        attribution = self.method.readout(walked.x, walked.x0, walked.arrived)
        score = (walked.value * (walked.start != 0)).reshape(len(walked.value), -1).sum(1)
        delta = self._delta(attribution, walked)
        axes = feeds[self.model.explained_input.name].ndim
        if attribution.ndim > axes and not self.layer:  # embeddings: one attribution a token
            attribution = attribution.sum(tuple(range(axes, attribution.ndim)))
        whole = _Part(attribution, score, walked.scores, walked.chosen, delta)
        return whole.head(real)

    def _delta(self, attribution: Array, walked: Walked) -> Array | None:
        """Σ attribution minus what it should be: f(x) - f(x₀) for DeepLIFT, the seed for LRP."""
        if not self.method.conserves:
            return None
        due = walked.start if walked.value0 is None else walked.start * (walked.value - walked.value0)
        rows = len(attribution)
        sums = (each.reshape(rows, -1).sum(1, dtype="float64") for each in (attribution, due))
        return np.asarray(next(sums) - next(sums))

    def _tensor(self, target: Any) -> str:
        return self._known(target.tensor) if isinstance(target, Neuron) else self.canonical.scores

    def _known(self, name: str) -> str:
        values = [n for n, t in self.canonical.graph.tensors().items() if not hasattr(t, "values")]
        if name not in values:
            near = ", ".join(map(repr, get_close_matches(name, values, n=3, cutoff=0.0)))
            raise UsageError(f"the model has no value {name!r}; the nearest names: {near}")
        return name

    def _plan(self, target: str) -> Plan:
        if target not in self._plans:
            root = self.model.root if self.layer is None else self._known(self.layer)
            self._plans[target] = self._composite.resolve(self.canonical.graph, root, target)
        return self._plans[target]

    def _labels(self, target: Any, chosen: Array) -> tuple[str, ...]:
        if isinstance(target, Neuron):
            return (str(target),) * len(chosen)
        return tuple(self.model.label(int(index)) for index in chosen)


@dataclass(frozen=True)
class _Part:
    """What is known of some rows."""

    attribution: Array
    score: Array
    scores: Array
    chosen: Array
    delta: Array | None

    def head(self, rows: int) -> _Part:
        """The first rows alone."""
        return _Part(*(None if each is None else each[:rows] for each in vars(self).values()))  # type: ignore[arg-type]

    @classmethod
    def join(cls, parts: list[_Part]) -> _Part:
        """All rows in order."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(None if column[0] is None else np.concatenate(column) for column in columns))  # type: ignore[arg-type]


def _is_norm(node: Any) -> bool:
    op = registry().get(node.op)
    return op is not None and op.family is Family.NORMALISE


def _check_rows(target: Any, rows: int) -> None:
    if isinstance(target, (list, tuple, np.ndarray)) and len(target) != rows:
        raise UsageError(f"{len(target)} targets for {rows} rows; give one target, or one per row")


def _part(value: Any, rows: slice) -> Any:
    """The part of a per-row parameter that belongs to a chunk."""
    if isinstance(value, np.ndarray):
        return value[rows] if value.ndim == 2 else value
    return list(value)[rows] if isinstance(value, (list, tuple)) else value


def _with_bounds(model: Model, known: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """zᴮ needs the bounds of the input: the preprocessing knows them, where there is one."""
    if {"low", "high"} <= known.keys() and not {"low", "high"} & given.keys():
        if model.preprocess is None:
            raise UsageError(
                "this method needs low= and high=, the bounds of the model's input, or preprocess= at load"
            )
        low, high = model.preprocess.bounds()
        return {"low": low, "high": high, **given}
    return given
