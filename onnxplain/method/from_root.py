"""Methods that compare with a baseline or move their input, on inputs that have no slope: token ids, pixels in uint8.

Such a method runs on the model from its root on, the first floats behind the input: the embedding of the tokens. There
is something between two embeddings, and a baseline is a point of their space; what the model makes of the ids
themselves, such as a mask over padding, stays that of the input.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.arrays import sha256
from onnxplain.errors import BadInputError, UsageError
from onnxplain.feeds import Feeds
from onnxplain.guard.engine import GuardedEngine
from onnxplain.inputs.tokens import ZEROS, empty_token, known_id
from onnxplain.method.along_path import PathMethod, PathSpec
from onnxplain.method.averages import AverageMethod, AverageSpec
from onnxplain.method.readout import folded
from onnxplain.method.scoring import batch_behind, read_value
from onnxplain.method.walk_method import WalkMethod, WalkSpec

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Method, Request, Result
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan
    from onnxplain.strict_json import Json


class FromRoot:
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
        self._forward = GuardedEngine(model)
        self.inner.engine.proven = self._forward.proven  # the file takes what the whole model takes
        self._axes = len(model.input_shape)
        self._embeds = len(model.behind.input_shape) > self._axes

    @property
    def plan(self) -> Plan | None:
        """See `Method`."""
        return self.inner.plan

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.inner.engine

    def _on(self, model: Model, feeds: Feeds) -> WalkMethod | AverageMethod:
        if isinstance(self.spec, WalkSpec):
            return WalkMethod(model, self.spec, self._given, feeds)
        assert isinstance(self.spec, AverageSpec)  # noqa: S101
        kind = PathMethod if isinstance(self.spec, PathSpec) else AverageMethod
        return kind(model, self.spec, self._given, feeds)

    def run(self, request: Request) -> Result:
        """Run on the values at the root, and fold what each token's embedding got into one number."""
        result = self.inner.run(self.at_root(request))
        self._prove(request.batch, result.scores)
        axes = range(self._axes, result.attribution.ndim)
        attribution = folded(result.attribution, tuple(axes), norm=self.inner.folds_by_norm)
        return replace(result, attribution=attribution)

    def at_root(self, request: Request) -> Request:
        """Return the request to the method on the model behind the root."""
        return replace(request, batch=self._at_root(request.batch), baseline=self._baseline(request))

    def _prove(self, batch: Batch, scores: Array) -> None:
        """Compare the scores with those of the file, in batches that it takes."""
        for rows, short, feeds in batch.chunks(len(scores), self.model.fixed_batch):
            own = scores[rows]
            self._forward.prove("walk", feeds, np.concatenate([own, np.repeat(own[-1:], short, 0)]))

    def stated(self, request: Request) -> Json:
        """Return the baseline for the record: zeros of the embedding, or a token, or the shape of an array."""
        given = self._baseline_of(request)
        if isinstance(given, str):
            return {"embedding": "zeros"} if given == ZEROS else {"token": given, "id": self._id(given)}
        array = np.asarray(given)
        return array.item() if array.ndim == 0 else {"shape": list(array.shape), "sha256": sha256(array)}

    def named(self, request: Request) -> str:
        """Return what the baseline is, in words, where it is no array and no number."""
        given = self._baseline_of(request)
        if not isinstance(given, str):
            return ""
        return "zeros of the embedding" if given == ZEROS else f"the token {given}, id {self._id(given)}"

    def _baseline_of(self, request: Request) -> Any:
        """Return the baseline that was asked for or, for an embedding, the token that stands for nothing, or zeros."""
        given = self.feeds.asked(request.baseline)
        if given is not None:
            return given
        return (empty_token(self.model.vocabulary) or ZEROS) if self._embeds else 0

    def _id(self, word: str) -> int:
        return known_id(word, self.model.vocabulary)

    def _baseline(self, request: Request) -> Array:
        """Return the baseline at the root: of one row for all, of each row, or many for all."""
        given = self._baseline_of(request)
        if isinstance(given, str):
            if given == ZEROS and self._embeds:
                return np.zeros((), np.float32)
            given = self._id(given)
        batch, array = request.batch, np.asarray(given)
        if array.ndim > batch.x.ndim and array.dtype.kind == "f":
            return array  # it is one in the space of the embedding
        numbers = self.feeds.numbers(batch, array)
        rows = numbers if numbers.ndim == batch.x.ndim else numbers[np.newaxis]
        try:
            points = np.broadcast_to(rows, (len(rows) if rows.ndim == batch.x.ndim else 1, *batch.x.shape[1:]))
        except ValueError as problem:
            raise BadInputError(f"baseline of shape {numbers.shape} for an input of shape {batch.x.shape}") from problem
        own = range(len(points)) if len(points) == len(batch.x) else [0] * len(points)
        found = self._root(batch.at(self.model.explained_input.name, list(own), np.ascontiguousarray(points)))
        return found[0] if len(found) == 1 else found

    def _at_root(self, batch: Batch) -> Batch:
        """Return the batch with the values at the root for the explained input."""
        return batch_behind(self.model.behind, batch, self._root(batch))

    def _root(self, batch: Batch) -> Array:
        """Return the values at the root for all rows, by forward runs."""
        return read_value(self.model, self._forward, batch, self._forward.rows_that_fit, self.model.root)


def default_seed(method: Method) -> str:
    """Return the seed that a method starts from by itself: that of the walk, for one that averages walks."""
    inner = method.inner if isinstance(method, FromRoot) else method
    return inner.walk.spec.seed if isinstance(inner, AverageMethod) else method.spec.seed


def moves_at_root(model: Model, spec: MethodSpec) -> bool:
    """Whether a method has to run from the root on: it moves the input or compares it, and the input has no slope."""
    return spec.compares and model.root != model.explained_input.name
