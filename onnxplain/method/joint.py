"""Methods that walk to several inputs at once: on a form of the model that takes all of them as one input.

All inputs move together: along one line from the baseline of all, or by noise that is drawn for each in units of its
own range. The attributions of all inputs together sum to what those of one input would.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import prod
from threading import Lock, local
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.arrays import sha256
from onnxplain.errors import BadInputError, UnsupportedModelError, UsageError
from onnxplain.feeds import Feeds
from onnxplain.guard.engine import GuardedEngine
from onnxplain.inputs.shape import static
from onnxplain.method.along_path import PathMethod, PathSpec
from onnxplain.method.at_root import AtRoot
from onnxplain.method.averages import AverageMethod, AverageSpec
from onnxplain.method.cam import CamSpec
from onnxplain.method.from_root import OnOtherForm
from onnxplain.method.readout import folded
from onnxplain.method.registry import reads_baseline
from onnxplain.method.request import Result
from onnxplain.method.samplers import EachAlone, SmoothGrad
from onnxplain.method.scoring import batch_behind
from onnxplain.method.walk_method import WalkMethod, WalkSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.joint_feeds import JointFeeds
    from onnxplain.method.request import Request
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.strict_json import Json

MOST = 2
"""The number of sizes of the inputs for which what runs the method is kept."""


@dataclass(frozen=True)
class JointResult(Result):
    """What a method found of several inputs. attribution: of all, [N, K]. parts: of each input, by its name."""

    parts: Mapping[str, Array] = field(default_factory=dict)


class JointMethod(OnOtherForm):
    """A method that walks, on a model of which several inputs are explained together."""

    def __init__(
        self,
        model: Model,
        spec: MethodSpec,
        parameters: dict[str, Any],
        feeds: JointFeeds,
        conditions: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        _check_method(model, spec, parameters)
        self.model, self.spec, self.feeds = model, spec, feeds
        self._given, self._conditions = parameters, conditions
        self.forward = GuardedEngine(model)
        self._roots = {name: AtRoot(each, feeds.alone[name], self.forward) for name, each in model.alone.items()}
        self._known: dict[tuple[tuple[int, ...], ...], WalkMethod | AverageMethod] = {}
        self._making, self._called = Lock(), local()
        self._first = self._on({name: _stated(model, root) for name, root in model.roots.items()})
        self.parameters = self._first.parameters

    @property
    def inner(self) -> WalkMethod | AverageMethod:
        """What ran the last call of this thread: another thread may have called with inputs of other sizes."""
        found: WalkMethod | AverageMethod = getattr(self._called, "inner", self._first)
        return found

    @inner.setter
    def inner(self, value: WalkMethod | AverageMethod) -> None:
        self._called.inner = value

    def run(self, request: Request) -> JointResult:
        """Run on all roots as one input, and take apart what each of them got."""
        batch = request.batch
        values = {name: root.values(batch.parts[name]) for name, root in self._roots.items()}
        for name, value in values.items():
            _check_shape(name, value, batch.parts[name].x)
        self.inner = inner = self._on({name: value.shape[1:] for name, value in values.items()})
        whole = replace(request, batch=self._as_one(inner, batch, values), baseline=self._baseline(request, values))
        found = inner.run(whole)
        self.prove(batch, found.scores)
        return JointResult(**vars(found), parts=self._apart(inner, batch, values, found.attribution))

    def stated(self, request: Request) -> Json:
        """Return the baseline of each input for the record."""
        found: dict[str, Json] = {}
        for name, given in self.feeds.of_each(request.baseline).items():
            part = request.batch.parts[name]
            stated = self._roots[name].stated(given) if self._embeds(name) else self._numbers(name, part, given)
            shape, rows = stated.get("shape") if isinstance(stated, dict) else None, len(part.x)
            each = isinstance(shape, list) and shape[0] == rows > 1 and len(shape) >= part.x.ndim
            if each and isinstance(stated, dict) and not self.spec.background:
                stated = {**stated, "rows": list(range(rows))}
            found[name] = stated
        return {"inputs": found}

    def named(self, request: Request) -> str:  # noqa: ARG002
        """See `OnOtherForm`: there may be several, so none is named."""
        return ""

    # --- one input out of several ---------------------------------------------------------------------------------

    def _on(self, rows: Mapping[str, tuple[int, ...]]) -> WalkMethod | AverageMethod:
        """Return the method on the model with its roots as one input. rows: the shape of a row of each."""
        key = tuple(rows.values())
        with self._making:
            if key not in self._known:
                while len(self._known) >= MOST:
                    del self._known[next(iter(self._known))]
                self._known[key] = self._made(self.model.as_one(rows), [prod(row) for row in key])
            return self._known[key]

    def _made(self, model: Model, lengths: Sequence[int]) -> WalkMethod | AverageMethod:
        """Return the method on a model of one input, which has so many elements of each of several."""
        feeds = Feeds(model, None)
        if isinstance(self.spec, WalkSpec):
            walk = WalkMethod(model, self.spec, self._given, feeds, None, self._conditions)
            walk.engine.proven = self.forward.proven  # the file takes what the whole model takes
            return walk
        assert isinstance(self.spec, AverageSpec)  # noqa: S101
        mean = (PathMethod if isinstance(self.spec, PathSpec) else AverageMethod)(model, self.spec, self._given, feeds)
        if isinstance(mean.sampler, SmoothGrad):
            mean.sampler = EachAlone(mean.sampler, tuple(accumulate(lengths[:-1])))
        mean.engine.proven = self.forward.proven
        return mean

    def _as_one(self, inner: WalkMethod | AverageMethod, batch: Batch, values: Mapping[str, Array]) -> Batch:
        """Return the batch of the values at all roots as one input."""
        x = np.concatenate([value.reshape(len(value), -1) for value in values.values()], 1)
        return replace(batch_behind(inner.model, batch, x), originals=None, parts={})

    def _apart(
        self, inner: WalkMethod | AverageMethod, batch: Batch, values: Mapping[str, Array], whole: Array
    ) -> dict[str, Array]:
        """Return the attribution of each input; what the embedding of a token got is folded into one number."""
        ends = np.cumsum([prod(value.shape[1:]) for value in values.values()])
        found = {}
        for (name, value), part in zip(values.items(), np.split(whole, ends[:-1], 1), strict=True):
            shaped, own = part.reshape(value.shape), batch.parts[name].x.ndim
            found[name] = folded(shaped, tuple(range(own, shaped.ndim)), norm=inner.folds_by_norm)
        return {name: np.ascontiguousarray(each) for name, each in found.items()}

    # --- baselines ------------------------------------------------------------------------------------------------

    def _baseline(self, request: Request, values: Mapping[str, Array]) -> Array | None:
        """Return the baseline at all roots, [B, K]: one for all rows, one for each row, or a background."""
        if not reads_baseline(self.spec, self.parameters):
            return None
        given = self.feeds.of_each(request.baseline)
        points = {name: self._points(name, request.batch.parts[name], given[name], values[name]) for name in values}
        most = max(map(len, points.values()))
        for name, each in points.items():
            if len(each) not in (1, most):
                first = next(other for other, many in points.items() if len(many) == most)
                raise BadInputError(f"baselines: {len(each)} of {name!r}, and {most} of {first!r}; give as many")
        flat = (np.broadcast_to(each, (most, *each.shape[1:])).reshape(most, -1) for each in points.values())
        return np.concatenate(list(flat), 1)

    def _points(self, name: str, part: Batch, given: Any, value: Array) -> Array:
        """Return the baselines of one input at its root, [B, ...]."""
        own = self.feeds.alone[name]
        if not self._embeds(name):
            return own.baselines(part, given) if self.spec.background else own.baseline(part, given).x
        found, row = self._roots[name].baseline(part, given), value.shape[1:]
        many = found if found.ndim == value.ndim else found[np.newaxis]
        try:
            return np.broadcast_to(many, (len(many), *row))
        except ValueError as problem:
            raise BadInputError(f"{name}: a baseline of shape {found.shape} for rows of shape {row}") from problem

    def _numbers(self, name: str, part: Batch, given: Any) -> Json:
        numbers = self.feeds.alone[name].numbers(part, given)
        return {"shape": list(numbers.shape), "sha256": sha256(numbers)} if numbers.ndim else numbers.item()

    def _embeds(self, name: str) -> bool:
        """Whether the root of an input is another value."""
        return self.model.roots[name] != name


def _stated(model: Model, root: str) -> tuple[int, ...]:
    """Return the shape of a row of a value as the file states it; 1 for what it leaves open, until an input is read."""
    return tuple(static(size) or 1 for size in (model.canonical.graph.tensors()[root].shape or (None, None))[1:])


def _check_shape(name: str, value: Array, x: Array) -> None:
    if value.shape[: x.ndim] != x.shape:
        raise UnsupportedModelError(
            f"the input {name!r} of shape {x.shape} is explained at a value of other axes, of shape {value.shape}"
        )


def _check_method(model: Model, spec: MethodSpec, parameters: Mapping[str, Any]) -> None:
    """Raise UsageError for a method that has no meaning, or no numbers, for several inputs together."""
    if isinstance(spec, CamSpec):
        model.check_one("this method weighs the channels of a layer, whose map lies over one input")
    if isinstance(spec, PathSpec) and spec.neighbours:
        model.check_one("this method blurs one input; integrated_gradients takes several")
    if not isinstance(spec, WalkSpec | AverageSpec):
        model.check_one("this method explains one input; integrated_gradients, deeplift and lrp take several")
    bounds = [name for name in ("low", "high") if name in spec.parameters]
    if any(np.ndim(parameters.get(name, ())) for name in bounds):
        raise UsageError(
            f"method {spec.name!r} needs low= and high= as two numbers, the bounds of all of "
            f"{', '.join(map(repr, model.together))}, where several inputs are explained together"
        )
