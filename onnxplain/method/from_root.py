"""Methods that compare with a baseline or move their input, on inputs that have no slope: token ids, pixels in uint8.

Such a method runs on the model from its root on, the first floats behind the input: the embedding of the tokens. What
the model makes of the ids themselves, such as a mask over padding, stays that of the input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.feeds import Feeds
from onnxplain.guard.engine import GuardedEngine
from onnxplain.method.along_path import PathMethod, PathSpec
from onnxplain.method.at_root import AtRoot
from onnxplain.method.averages import AverageMethod, AverageSpec
from onnxplain.method.readout import folded
from onnxplain.method.scoring import batch_behind
from onnxplain.method.walk_method import WalkMethod, WalkSpec

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Method, Request, Result
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan
    from onnxplain.strict_json import Json


class OnOtherForm(ABC):
    """A method that is run by another one, `inner`, on a form of the model that begins at other values.

    The file does not take what that form takes, so its scores are compared here.
    """

    model: Model
    spec: MethodSpec
    parameters: dict[str, Any]
    inner: WalkMethod | AverageMethod
    forward: GuardedEngine

    @property
    def plan(self) -> Plan | None:
        """See `Method`."""
        return self.inner.plan

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.inner.engine

    @abstractmethod
    def run(self, request: Request) -> Result:
        """See `Method`."""

    @abstractmethod
    def stated(self, request: Request) -> Json:
        """Return the baseline for the record."""

    @abstractmethod
    def named(self, request: Request) -> str:
        """Return what the baseline is, in words, where it is no array and no number."""

    def prove(self, batch: Batch, scores: Array) -> None:
        """Compare the scores with those of the file, in batches that it takes."""
        for rows, short, feeds in batch.chunks(len(scores), self.model.fixed_batch):
            own = scores[rows]
            self.forward.prove("walk", feeds, np.concatenate([own, np.repeat(own[-1:], short, 0)]))


class FromRoot(OnOtherForm):
    """A method that walks, on a model whose root lies behind its input."""

    def __init__(self, model: Model, spec: MethodSpec, parameters: dict[str, Any], feeds: Feeds) -> None:
        self.model, self.spec, self.feeds = model, spec, feeds
        if isinstance(spec, PathSpec) and spec.neighbours:
            raise UsageError(
                f"method {spec.name!r} blurs the input, and {model.explained_input.dtype} values, such as token ids, "
                "do not blur; integrated_gradients takes a straight path between embeddings"
            )
        self._given = parameters
        self.inner = self._on(model.behind, Feeds(model.behind, None))
        self.parameters = self.inner.parameters
        self.forward = GuardedEngine(model)
        self.inner.engine.proven = self.forward.proven  # the file takes what the whole model takes
        self._root = AtRoot(model, feeds, self.forward)
        self._axes = len(model.input_shape)

    def _on(self, model: Model, feeds: Feeds) -> WalkMethod | AverageMethod:
        if isinstance(self.spec, WalkSpec):
            return WalkMethod(model, self.spec, self._given, feeds)
        assert isinstance(self.spec, AverageSpec)  # noqa: S101
        kind = PathMethod if isinstance(self.spec, PathSpec) else AverageMethod
        return kind(model, self.spec, self._given, feeds)

    def run(self, request: Request) -> Result:
        """Run on the values at the root, and fold what each token's embedding got into one number."""
        result = self.inner.run(self.at_root(request))
        self.prove(request.batch, result.scores)
        axes = range(self._axes, result.attribution.ndim)
        attribution = folded(result.attribution, tuple(axes), norm=self.inner.folds_by_norm)
        return replace(result, attribution=attribution)

    def at_root(self, request: Request) -> Request:
        """Return the request to the method on the model behind the root."""
        baseline = self._root.baseline(request.batch, self.feeds.asked(request.baseline))
        behind = batch_behind(self.model.behind, request.batch, self._root.values(request.batch))
        return replace(request, batch=behind, baseline=baseline)

    def stated(self, request: Request) -> Json:
        """See `AtRoot`."""
        return self._root.stated(self.feeds.asked(request.baseline))

    def named(self, request: Request) -> str:
        """See `AtRoot`."""
        return self._root.named(self.feeds.asked(request.baseline))


def default_seed(method: Method) -> str:
    """Return the seed that a method starts from by itself: that of the walk, for one that averages walks."""
    inner = method.inner if isinstance(method, OnOtherForm) else method
    return inner.walk.spec.seed if isinstance(inner, AverageMethod) else method.spec.seed


def moves_at_root(model: Model, spec: MethodSpec) -> bool:
    """Whether a method has to run from the root on: it moves the input or compares it, and the input has no slope."""
    return spec.compares and model.root != model.explained_input.name
