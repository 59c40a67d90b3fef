"""The explainer: a model and a method, planned once and called many times."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from onnxplain.conservation import conservation
from onnxplain.errors import ConservationWarning, UnusedWarning, UsageError
from onnxplain.explanation import Explanation
from onnxplain.guard.overflow import check_held
from onnxplain.inputs.batch import Batch
from onnxplain.inputs.names import check_labels
from onnxplain.joint_explanation import explained_together
from onnxplain.joint_feeds import JointFeeds
from onnxplain.method.along_path import PathMethod, PathSpec
from onnxplain.method.answered import check_answered
from onnxplain.method.averages import AverageMethod, AverageSpec
from onnxplain.method.cam import CamMethod, CamSpec
from onnxplain.method.default import default_method
from onnxplain.method.finite import check_scores
from onnxplain.method.from_root import FromRoot, OnOtherForm, moves_at_root
from onnxplain.method.full_gradient import FullGradMethod, FullGradSpec
from onnxplain.method.joint import JointMethod, JointResult
from onnxplain.method.perturbation import PerturbationMethod, PerturbationSpec
from onnxplain.method.registry import find, reads_baseline
from onnxplain.method.request import Method, Request, Result
from onnxplain.method.smooth import smooth
from onnxplain.method.tree_shap import TreeShapMethod, TreeShapSpec
from onnxplain.method.walk_method import WalkMethod, WalkSpec
from onnxplain.model import Model
from onnxplain.probability import probabilities_of, stated
from onnxplain.record import Asked, make_record
from onnxplain.stream import Stream
from onnxplain.tables import feeds_of
from onnxplain.walk.book import Book
from onnxplain.walk.neuron import Neuron
from onnxplain.walk.objective import Objective, as_seed
from onnxplain.walk.target import as_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.conservation import Conservation
    from onnxplain.feeds import Inputs
    from onnxplain.method.spec import MethodSpec
    from onnxplain.plan.composite import Composite
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.objective import Target

KINDS: dict[type[MethodSpec], Callable[..., Method]] = {
    WalkSpec: WalkMethod,
    AverageSpec: AverageMethod,
    PathSpec: PathMethod,
    PerturbationSpec: PerturbationMethod,
    CamSpec: CamMethod,
    FullGradSpec: FullGradMethod,
    TreeShapSpec: TreeShapMethod,
}
"""How each kind of method runs."""


class Explainer:
    """Explain many inputs by one method.

    method: a name of `methods()`, or a `Composite` of one's own; without one, `lrp.epsilon_plus_flat` or, for a table
    that has no slope, `tree_shap` or `kernel_shap`; `because` says why.
    baseline: a number or an array like the input, in
    model space, by default 0; for methods over many baselines, an array of them. Token ids: an id, ids, "pad" or
    "mask" for the vocabulary's token, or "zeros" of the embedding; by default the first of these three that is known.
    Of several inputs, a number for all, or a dict of these by name.
    layer: name of an inner value to attribute to instead of the input, or whose grid a CAM weighs. smooth: sigma in
    pixels of a Gaussian over the map, for any method. conditions: channels by the name of a value, such as
    {"layer3/relu": [12, 40]}, through which alone relevance passes, for a gradient, LRP or a composite (concept
    relevance propagation). Further keywords are the method's parameters.

    Raises UsageError for an unknown name or parameter, UnsupportedModelError where the method has no plan.
    """

    def __init__(
        self,
        model: Model,
        method: str | Composite | None = None,
        *,
        baseline: ArrayLike | None = None,
        layer: str | None = None,
        smooth: float = 0.0,
        conditions: Mapping[str, Sequence[int]] | None = None,
        **parameters: Any,
    ) -> None:
        if not isinstance(model, Model):
            raise UsageError(f"model={model!r}: expected what onnxplain.load returns; load it first")
        method, self.because = (method, "") if method is not None else default_method(model)
        asked = {"baseline": baseline, "layer": layer, "smooth": smooth, "conditions": conditions}
        self._made_of = model, method, {**asked, **parameters}
        if layer is not None:
            model.check_one("layer= attributes to one value")
        self.model = model
        self.spec = find(method)
        check_answered(model, self.spec)
        self.layer = layer
        self.smooth = smooth
        self.feeds = feeds_of(model, baseline)
        self._warned = False
        self._independent_scores = model.independent_scores
        kind = KINDS[type(self.spec)]
        at_root = layer is None and not model.together and moves_at_root(model, self.spec)
        given = model, self.spec, parameters, self.feeds
        if conditions is not None and (not isinstance(self.spec, WalkSpec) or at_root):
            raise UsageError(f"conditions: method {self.spec.name!r} does not walk once; a gradient or LRP does")
        if isinstance(self.feeds, JointFeeds):
            self.method: Method = JointMethod(model, self.spec, parameters, self.feeds, conditions)
        elif conditions is not None and isinstance(self.spec, WalkSpec):
            self.method = WalkMethod(model, self.spec, parameters, self.feeds, layer, conditions)
        else:
            self.method = FromRoot(*given) if at_root else kind(*given, layer)
        self._check_read(baseline)

    @property
    def plan(self) -> Plan | None:
        """Node -> rule; None for a method that walks nothing."""
        return self.method.plan

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the method, with the defaults and the bounds of the input among them."""
        return self.method.parameters

    @property
    def options(self) -> dict[str, Any]:
        """The keywords that it was made with: baseline, layer, smooth, conditions, and parameters of the method."""
        return dict(self._made_of[2])

    @property
    def given(self) -> str | Composite:
        """The method that it was made with: a name or a composite."""
        return self._made_of[1]

    def __call__(
        self,
        x: Inputs | Batch,
        target: Target | Array = None,
        *,
        seed: str | ArrayLike | None = None,
        baseline: ArrayLike | None = None,
        book: bool = False,
    ) -> Explanation:
        """Explain the rows of `x`: an array, a picture, a path or a list of them, a dict of all inputs, or a batch.

        target: a class index, a label, one per row, a `Neuron`, or None for the predicted class. An index counts in the
        file's own output, rows first; where a row of that has several axes, (anchor, class) is a place on them.
        seed: "logit", "one", "probability", "contrast", "softmax" (the derivative of the probability), or an array like
        the scores; by default the method's.
        baseline: for this call, instead of the explainer's.
        book: keep accounts of where relevance went, node by node, for a method that conserves it: LRP, a composite.
        """
        if book:
            _check_book(self.spec)
        self._check_read(baseline)
        batch = x if isinstance(x, Batch) else self.feeds.read(x)
        wanted = as_target(target, len(batch.x), self.model.places)
        start = as_seed(seed, len(batch.x), wanted)
        objective = Objective(wanted, start, self.spec.seed, self.model.labels, self._independent_scores)
        request = Request(batch, objective, baseline, Book() if book else None)
        result = self.method.run(request)
        check_scores(self.model, batch, result.scores)
        check_held(self.model, batch, self.method.engine.rows_that_fit(batch.feeds))
        return self._explanation(request, result)

    def _check_read(self, baseline: ArrayLike | None) -> None:
        """Warn where a baseline is given that the method, with its parameters, does not read."""
        if baseline is not None and not reads_baseline(self.spec, self.parameters):
            said = f"{self.spec.name} reads no baseline; the one that was given has no effect"
            warnings.warn(said, UnusedWarning, stacklevel=3)

    def stream(
        self,
        inputs: Iterable[Inputs] | str | Path,
        target: Any = None,
        *,
        batch_size: int = 1,
        on_error: str = "raise",
        seed: str | ArrayLike | None = None,
        baseline: ArrayLike | None = None,
    ) -> Stream:
        """Return the explanations of many inputs one by one, each made when it is asked for, in bounded memory.

        inputs: a folder, or anything that yields what a call takes; it is read as it goes. target: one for all inputs,
        or a list of one for each. batch_size: how many inputs are read and walked at once; more are faster on a GPU,
        and may differ from those of an input alone by the rounding of the last digit. on_error: "raise", or "skip",
        which leaves out an input that cannot be read or explained, and says why in `failures` of what is returned.
        """
        call = {"seed": seed, "baseline": baseline}
        return Stream(self, inputs, target, batch_size, on_error, call)  # type: ignore[arg-type]  # or a folder

    def attribute(self, inputs: Inputs, target: Target | Array = None, baselines: ArrayLike | None = None) -> Array:
        """Return the attribution array alone, asked for in captum's words."""
        return self(inputs, target, baseline=baselines).attribution

    def _explanation(self, request: Request, result: Result) -> Explanation:
        batch, model, target = request.batch, self.model, request.objective.target
        chosen = target if isinstance(target, Neuron) else result.chosen
        kept = self._conservation(request, result)
        asked = Asked(self.layer, self.smooth)
        check_labels(model.labels, result.scores.shape[1])
        engine = self.method.forward if isinstance(self.method, OnOtherForm) else self.method.engine
        known = None if chosen is target else probabilities_of(model, engine, batch, result.scores)
        labels, probability = stated(model, target, result.chosen, known)
        about: dict[str, Any] = {
            "target": chosen,
            "score": result.score,
            "prediction": result.scores,
            "delta": result.delta,
            "method": self.spec.name,
            "plan": self.plan,
            "labels": labels,
            "book": request.book,
            "conservation": kept,
            "output": model.canonical.output,
            "parity": self.method.engine.parity,
            "probability": probability,
            "others": batch.others,
        }
        if isinstance(self.method, JointMethod) and isinstance(result, JointResult):
            return explained_together(self.method, request, result, asked, about)
        attribution = smooth(result.attribution, self.smooth, batch.channel_axis)
        return Explanation(
            attribution=attribution,
            raw=result.raw,
            record=make_record(self.method, request, chosen, self.feeds, attribution, asked, kept),
            channel_axis=batch.channel_axis if result.attribution.shape == batch.x.shape else None,
            inputs=batch.x,
            images=batch.images,
            originals=batch.originals,
            features=model.features or (None if model.table is None else model.table.names),
            vocabulary=model.vocabulary,
            **about,
        )

    def _conservation(self, request: Request, result: Result) -> Conservation | None:
        """Return what became of the number that is shared out; warn once where next to nothing of it arrived."""
        if result.delta is None:
            return None
        padded = self.model.fixed_batch and len(request.batch.x) % self.model.fixed_batch
        book = None if padded else request.book  # the book of a padded batch counts the rows that fill it up
        of = _shared_out(self.method, request)
        at = f"the input{'s' if self.model.together else ''}" if self.layer is None else repr(self.layer)
        found = conservation(result.attribution, result.delta, of, at, self.plan, book)
        if found.least is not None and not self.spec.baseline and not self._warned:
            self._warned = True
            warnings.warn(
                f"method {self.spec.name!r}: {found.line(found.least)}; the attributions show what is left of it. "
                "book=True, or `onnxplain inspect --book`, says where the rest went; deeplift and integrated_gradients "
                "share out all of a difference from a baseline",
                ConservationWarning,
                stacklevel=4,
            )
        return found

    def __repr__(self) -> str:
        model = self.model
        return f"Explainer(model={model.name!r}, method={self.spec.name!r}, engine={model.engine!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the explainer was made of; it is planned and compiled anew where it is unpickled."""
        return _remade, self._made_of


def _remade(model: Model, method: str | Composite, options: dict[str, Any]) -> Explainer:
    return Explainer(model, method, **options)


def _shared_out(method: Method, request: Request) -> str:
    """Return in words what a method that conserves shares out."""
    spec = method.spec
    if isinstance(spec, PathSpec) and spec.neighbours:
        return "the difference from the blur"
    if spec.baseline:
        named = method.named(request) if isinstance(method, OnOtherForm) else ""
        return f"the difference from {named or 'the baseline'}"
    seed = request.objective.seed
    return "the score" if isinstance(seed, str | None) and (seed or spec.seed) == "logit" else "the seed"


def _check_book(spec: MethodSpec) -> None:
    """Raise UsageError for a method whose messages are no relevance: nothing says what should leave a node."""
    if not isinstance(spec, WalkSpec) or not spec.conserves or spec.baseline:
        raise UsageError(f"book: method {spec.name!r} keeps no relevance to account for; take an lrp method")
