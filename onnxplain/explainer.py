"""The explainer: a model and a method, planned once and called many times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.explanation import Explanation
from onnxplain.feeds import Feeds
from onnxplain.inputs.names import check_labels
from onnxplain.method.averages import Averaging
from onnxplain.method.cam import Weighing
from onnxplain.method.perturbation import Perturbing
from onnxplain.method.registry import DEFAULT, find
from onnxplain.method.request import Answer, Procedure, Request
from onnxplain.method.smooth import smooth
from onnxplain.method.spec import Average, Cam, Method, Perturbation, Walk
from onnxplain.method.walk_method import Walking
from onnxplain.model import Model
from onnxplain.record import make_record
from onnxplain.walk.book import Book
from onnxplain.walk.objective import Neuron, as_seed, as_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array
    from onnxplain.plan.composite import Composite
    from onnxplain.plan.plan import Plan

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
        method: str | Composite = DEFAULT,
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
        book: keep accounts of where relevance went, node by node, for a method that conserves it: LRP, a composite.
        """
        if book:
            _check_book(self.method)
        batch = self.feeds.read(x)
        target, seed = as_target(target, len(batch.x)), as_seed(seed, len(batch.x))
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
            labels=self._labels(target, answer),
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

    def __repr__(self) -> str:
        model = self.model
        source = model.path or f"sha256 {model.sha256[:12]}"
        return f"Explainer(model={source!r}, method={self.method.name!r}, engine={model.engine!r})"

    def _labels(self, target: Any, answer: Answer) -> tuple[str, ...]:
        if isinstance(target, Neuron):
            return (str(target),) * len(answer.chosen)
        check_labels(self.model.labels, answer.scores.shape[1])
        return tuple(self.model.label(int(index)) for index in answer.chosen)


def _check_book(method: Method) -> None:
    """Raise UsageError for a method whose messages are no relevance: nothing says what should leave a node."""
    if not isinstance(method, Walk) or not method.conserves or method.baseline:
        raise UsageError(f"book: method {method.name!r} keeps no relevance to account for; take an lrp method")
