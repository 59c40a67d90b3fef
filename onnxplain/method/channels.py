"""What a class activation map reads of each channel of a layer: its gradient, or scores that depend on it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxplain.errors import NumericalError, UnsupportedModelError, UsageError
from onnxplain.graph.check import nodes_of
from onnxplain.graph.needed import keep_needed
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.guard.engine import GuardedEngine
from onnxplain.method import backward
from onnxplain.method.averages import batched
from onnxplain.method.finite import check_scores
from onnxplain.method.grid import why_not_pooled
from onnxplain.method.scoring import Scored, batch_behind, read_value, score
from onnxplain.method.walk_method import WalkMethod, WalkSpec
from onnxplain.method.weighers import masks
from onnxplain.passes import detach_weights
from onnxplain.progress import progress
from onnxplain.resample import resized
from onnxplain.walk.neuron import Neuron, known_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.layout import Layout
    from onnxplain.method.request import Request, Result
    from onnxplain.method.spec import MethodSpec
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.objective import Target


class Channels(Protocol):
    """Where the two arrays that a weigher takes come from."""

    plan: Plan | None
    engine: GuardedEngine

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None: ...
    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Return the scores with the classes, the activations [N, K, *grid], and what was read of each channel."""


class WalkedChannels:
    """The channels and their gradients."""

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None:
        walk = WalkSpec(spec.name, backward.gradient, readout=_both)
        self.walk = WalkMethod(model, walk, {}, feeds, layout.layer)
        self._spec, self._layout = spec, layout
        self.plan: Plan | None = self.walk.plan
        self.engine = self.walk.engine

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read them in one walk, from the target to the layer."""
        walked = self.walk.run(request)
        sizes = [request.batch.x.shape[axis] for axis in places]
        A, G = (self._layout.lay(walked.attribution[:, i], sizes) for i in (0, 1))
        self._check(walked.attribution.size, A.size + G.size)
        return walked, A, G

    def _check(self, read: int, placed: int) -> None:
        """Check how many of the elements that were read have a place in the input; the others are left out."""


class PooledChannels(WalkedChannels):
    """The channels and their gradients, where a global average pooling and one linear layer have to follow them."""

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None:
        super().__init__(model, spec, feeds, layout)
        why = why_not_pooled(model.canonical.graph, [node for node, _ in self.walk.plan.steps])
        if why:
            raise UnsupportedModelError(
                f"method {spec.name!r} needs global average pooling and then one linear layer behind "
                f"{layout.layer!r}, and here is {why}; grad_cam needs neither"
            )

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read them for a class. Raises UsageError for a Neuron, behind which there is no pooling."""
        if isinstance(request.objective.target, Neuron):
            raise UsageError(f"method {self._spec.name!r} explains a class; grad_cam explains any Neuron")
        return super().read(request, places)

    def _check(self, read: int, placed: int) -> None:
        if placed < read:
            raise UnsupportedModelError(
                f"method {self._spec.name!r} needs a map of all that is pooled behind {self._layout.layer!r}, and "
                "some of it, such as a class token, has no place in the input; hires_cam needs no pooling"
            )


def _both(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """Return activations and gradients as one array [N, 2, ...], which the walk hands out as its attribution."""
    return np.stack([x, arrived], 1)


class RunChannels:
    """The channels alone, twice: what weighs them reads nothing else. There are only forward runs."""

    plan: Plan | None = None

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None:
        self._model, self._feeds, self._layout = model, feeds, layout
        self._name = spec.name
        self.engine = GuardedEngine(model)

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read the activations in one run."""
        known = self._score(request)
        check_scores(self._model, request.batch, known.scores)
        A = self._layout.lay(self._activations(request), [request.batch.x.shape[axis] for axis in places])
        return known, A, A

    def _at_once(self, batch: Batch) -> int:
        return self._model.fixed_batch or self.engine.rows_that_fit(batch.feeds)

    def _activations(self, request: Request) -> Array:
        """Return the layer's value at all rows."""
        return read_value(self._model, self.engine, request.batch, self._layout.layer)

    def _score(self, request: Request) -> Scored:
        return score(self._model, self.engine, request)

    def _finite(self, S: Array, cause: str) -> Array:
        """Return the scores of all channels. Raises NumericalError where one of them is NaN or infinite."""
        if not np.isfinite(S).all():
            raise NumericalError(
                f"{self._name}: the score is NaN or Inf where channels of {self._layout.layer!r} {cause}"
            )
        return S


class AblatedChannels(RunChannels):
    """The channels, and what the score loses, in parts of its magnitude, as each of them is set to 0.

    behind: the model from the layer on, which alone runs again for each channel.
    """

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None:
        super().__init__(model, spec, feeds, layout)
        # what it computes of the whole layer is what `_score` has compared with the file
        self.behind = model.behind_value(layout.layer, 1)
        if not _reads(self.behind, layout.layer):
            raise UnsupportedModelError(
                f"method {spec.name!r}: the scores are computed from quantised integers, and not from the floats of "
                f"the layer {layout.layer!r}, so that nothing changes without a channel; grad_cam weighs by gradients"
            )
        self._rest = GuardedEngine(self.behind)

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read the activations in one run, and run once for each channel."""
        known, A, _ = super().read(request, places)
        assert isinstance(known, Scored)  # noqa: S101
        lost = np.zeros(A.shape[:2])
        if self._follows(request.objective.target):
            lost = self._lost(replace(request, batch=self.at_layer(request.batch)), known.chosen, A.shape[1])
        size = np.abs(known.number)[:, np.newaxis]
        return known, A, self._finite(lost, "are set to 0") / np.where(size, size, 1)

    def at_layer(self, batch: Batch) -> Batch:
        """Return the batch with the values of the layer for the explained input."""
        x = read_value(self._model, self.engine, batch, self._layout.layer)
        return batch_behind(self.behind, batch, x)

    def _follows(self, target: Target) -> bool:
        """Whether what is explained is computed from the layer; a Neuron may lie before it, or beside it."""
        known = self.behind.canonical.graph.tensors().keys() - {self._layout.layer}
        return not isinstance(target, Neuron) or known_value(self._model.canonical, target.tensor) in known

    def _lost(self, request: Request, chosen: Array, count: int) -> Array:
        """Return what the explained number of each row loses without each of `count` channels, [N, K].

        The number with all of them is computed in the same way, so that both are rounded alike.
        """
        x, name, axis = request.batch.x, self._layout.layer, self._layout.channel_axis
        at_once = self.behind.fixed_batch or self._rest.rows_that_fit(request.batch.feeds)
        S = np.empty((len(x), count))
        own = score(self.behind, self._rest, request.at(name, range(len(x)), x, chosen), at_once).number
        with progress(self._name, S.size, "channel") as bar:
            for batch in batched(product(*map(range, S.shape)), at_once):
                rows, channels = map(list, zip(*batch, strict=True))
                points = x[rows]
                np.moveaxis(points, axis, 1)[range(len(rows)), channels] = 0
                there = request.at(name, rows, points, chosen)
                S[rows, channels] = score(self.behind, self._rest, there, at_once).number
                bar.update(len(batch))
        return own[:, np.newaxis] - S


def _reads(model: Model, name: str) -> bool:
    """Whether a run of a model reads its input `name`. That of a quantised file reads what lies beside its floats."""
    proto, _ = detach_weights(model.canonical.graph)
    keep_needed(proto)
    return any(name in node.input for node in nodes_of(proto.graph.node))


class MaskedChannels(RunChannels):
    """The channels, and the scores of the input masked by each of them."""

    def __init__(self, model: Model, spec: MethodSpec, feeds: Feeds, layout: Layout) -> None:
        super().__init__(model, spec, feeds, layout)
        dtype = numpy_dtype(model.explained_input)
        if dtype is not None and dtype.kind == "i":
            raise UsageError(f"{spec.name} dims the input, and {dtype} values, such as token ids, have no darker ones")

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read the activations in one run, and run once for each channel."""
        x = request.batch.x
        known, A, _ = super().read(request, places)
        S = np.empty(A.shape[:2])
        baseline = self._feeds.baseline(request.batch, request.baseline).x
        with progress(self._name, S.size, "channel") as bar:
            for batch in batched(product(*map(range, S.shape)), self._at_once(request.batch)):
                rows, channels = map(list, zip(*batch, strict=True))
                points = self._through(x[rows], baseline[rows], A[rows, channels], places)
                there = request.at(self._model.explained_input.name, rows, points, known.chosen)
                S[rows, channels] = self._score(there).number
                bar.update(len(batch))
        return known, A, self._finite(S, "mask the input; baseline= says what they hide")

    @staticmethod
    def _through(x: Array, baseline: Array, channels: Array, places: Sequence[int]) -> Array:
        """Return x where a channel is largest, the baseline where it is smallest, and blends of the two between."""
        mask = masks(resized(channels, [x.shape[axis] for axis in places]))
        mask = np.expand_dims(mask, [axis for axis in range(1, x.ndim) if axis not in places])
        return np.asarray(baseline * (1 - mask) + x * mask, x.dtype)
