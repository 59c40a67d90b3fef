"""The explainer: a model and a method, planned once and called many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.explanation import Explanation
from onnxplain.method import find
from onnxplain.method.kinds import Average, Cam, Method, Perturbation, Walk
from onnxplain.model import Model
from onnxplain.run.averaging import Averaging
from onnxplain.run.book import Book
from onnxplain.run.cam import Weighing
from onnxplain.run.feeds import Feeds
from onnxplain.run.perturbing import Perturbing
from onnxplain.run.procedure import Procedure, Request
from onnxplain.run.record import make_record
from onnxplain.run.smooth import smooth
from onnxplain.run.target import Neuron, check_count
from onnxplain.run.walking import Walking

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.method.composite import Composite
    from onnxplain.method.plan import Plan

Array = np.ndarray[Any, Any]
PROCEDURES: dict[type[Method], Callable[..., Procedure]] = {
    Walk: Walking,
    Average: Averaging,
    Perturbation: Perturbing,
    Cam: Weighing,
}
"""How each kind of method runs."""


class Explainer:
    """Explain many inputs by one method.

    method: a name of `methods()`, or a `Composite` of one's own. baseline: a number or an array like the input, in
    model space; for methods over many baselines, an array of them. layer: name of an inner value to attribute to
    instead of the input, or whose grid a CAM weighs. smooth: sigma in pixels of a Gaussian over the map, for any
    method. Further keywords are the method's parameters.

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
        if not isinstance(model, Model):
            raise UsageError(f"model={model!r}: expected what onnxplain.load returns; load it first")
        self.model = model
        self.method = find(method)
        self.layer = layer
        self.smooth = smooth
        self.feeds = Feeds(model, baseline)
        self.procedure = PROCEDURES[type(self.method)](model, self.method, parameters, self.feeds, layer)
        self.parameters = self.procedure.parameters

    @property
    def plan(self) -> Plan | None:
        """Node -> rule; None for a method that walks nothing."""
        return self.procedure.plan

    def __call__(
        self, x: Any, target: Any = None, *, seed: Any = None, baseline: Any = None, book: bool = False
    ) -> Explanation:
        """Explain the rows of `x`: an array, a picture, a path or a list of them, or a dict of all inputs.

        target: a class index, a label, one per row, a `Neuron`, or None for the predicted class.
        seed: "logit", "one", "probability", "contrast", "softmax" (the derivative of the probability), or an array like
        the scores; by default the method's.
        book: keep accounts of where relevance went, node by node.
        """
        batch = self.feeds.read(x)
        target, seed = _plain_target(target), _plain_seed(seed)
        _check_rows(target, seed, len(batch.x))
        notebook = Book() if book else None
        answer = self.procedure.answer(Request(batch, target, seed, baseline, notebook))
        chosen = target if isinstance(target, Neuron) else answer.chosen
        return Explanation(
            attribution=smooth(answer.attribution, self.smooth, batch.channel_axis),
            target=chosen,
            score=answer.score,
            prediction=answer.scores,
            delta=answer.delta,
            raw=answer.raw,
            method=self.method.name,
            plan=self.plan,
            labels=self._labels(target, answer.chosen),
            record=make_record(self, batch, chosen, seed, baseline),
            channel_axis=batch.channel_axis if answer.attribution.shape == batch.x.shape else None,
            inputs=batch.x,
            images=batch.images,
            features=self.model.features,
            vocabulary=self.model.vocabulary,
            book=notebook,
        )

    def attribute(self, inputs: Any, target: Any = None, baselines: Any = None) -> Array:
        """captum's words: the attribution array alone."""
        return self(inputs, target, baseline=baselines).attribution

    def _labels(self, target: Any, chosen: Array) -> tuple[str, ...]:
        if isinstance(target, Neuron):
            return (str(target),) * len(chosen)
        return tuple(self.model.label(int(index)) for index in chosen)


def _plain_target(target: Any) -> Any:
    """An array of targets as a list, or as one target where it has no axis."""
    return target.tolist() if isinstance(target, np.ndarray) else target


def _plain_seed(seed: Any) -> Any:
    """A seed of numbers as an array; a word or None as it is."""
    if seed is None or isinstance(seed, str):
        return seed
    try:
        return np.asarray(seed)
    except ValueError as problem:
        raise UsageError(f"seed={seed!r}: {problem}; expected a word or an array like the scores") from problem


def _check_rows(target: Any, seed: Any, rows: int) -> None:
    check_count(target, rows)
    if isinstance(seed, np.ndarray) and seed.ndim == 2 and len(seed) != rows:
        raise UsageError(f"{len(seed)} seeds for {rows} rows; give one seed, or one per row")
