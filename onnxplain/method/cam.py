"""Class activation maps: channels of a grid inside the network, weighed into a map that is enlarged to the input."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from onnxplain.engines.budget import rows_at_once
from onnxplain.errors import NumericalError, UnsupportedModelError, UsageError
from onnxplain.method import backward
from onnxplain.method.averages import batched
from onnxplain.method.grid import why_not_pooled
from onnxplain.method.layout import Layout
from onnxplain.method.registry import find
from onnxplain.method.request import Answer
from onnxplain.method.scoring import Scoring, read_all
from onnxplain.method.spec import Walk
from onnxplain.method.walk_method import WALKERS, Walking
from onnxplain.method.weighers import masks
from onnxplain.progress import progress
from onnxplain.resample import resized
from onnxplain.walk.objective import Neuron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.engines.eager import Walker
    from onnxplain.feeds import Feeds
    from onnxplain.method.request import Request
    from onnxplain.method.spec import Cam
    from onnxplain.method.weighers import Weigher
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan


class Weighing:
    """The procedure of a `Cam`. layer: name of the grid's value; by default the last one that feeds the classifier.

    Parameters that the weigher does not know are those of the walk that adds detail.
    """

    def __init__(
        self, model: Model, method: Cam, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        self.model, self.method = model, method
        own = {n: value for n, value in parameters.items() if method.detail is None or n in method.parameters}
        self.weigher: Weigher = method.build(**own)
        self.layout = Layout(model, layer)
        self.channels: _Channels = (_Seen if method.masks else _Walked)(model, method, feeds, self.layout)
        self.detail: Walking | None = None
        if method.detail:
            walk: Any = find(method.detail)
            self.detail = Walking(model, walk, {n: v for n, v in parameters.items() if n not in own}, feeds)
        self.parameters = method.parameters | parameters | {"layer": self.layout.layer}
        if method.pooled:
            self._check_pooled()

    @property
    def plan(self) -> Plan | None:
        """The plan of the gradient from the target to the grid; None where only scores are read."""
        return self.channels.plan

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self.channels.walker.providers

    def answer(self, request: Request) -> Answer:
        """Weigh and enlarge; each place's value is shared by its channels in equal parts."""
        if self.method.pooled and isinstance(request.target, Neuron):
            raise UsageError(f"method {self.method.name!r} explains a class; grad_cam explains any Neuron")
        request = request.precise(self.model.precision)
        shape = request.batch.x.shape
        places = self.layout.places(len(shape), request.batch.channel_axis)
        asked, A, weights = self.channels.read(request, places)
        raw = self.weigher(A, weights)
        sizes = [n if axis in (0, *places) else 1 for axis, n in enumerate(shape)]
        maps = resized(raw, [shape[axis] for axis in places]).reshape(sizes)
        if self.detail is None:
            attribution = np.broadcast_to(maps / (np.prod(shape) / maps.size), shape).astype(raw.dtype)
        else:
            attribution = maps * self.detail.answer(request).attribution
        return Answer(attribution, asked.score, asked.scores, asked.chosen, raw=raw)

    def _check_pooled(self) -> None:
        nodes = [node for node, _ in self.plan.steps] if self.plan else []
        why = why_not_pooled(self.model.canonical.graph, nodes)
        if why:
            raise UnsupportedModelError(
                f"method {self.method.name!r} needs global average pooling and then one linear layer behind "
                f"{self.layout.layer!r}, and here is {why}; grad_cam needs neither"
            )


class _Channels(Protocol):
    """Where a weigher's two arrays come from."""

    plan: Plan | None
    walker: Walker

    def read(self, request: Request, places: Sequence[int]) -> tuple[Any, Array, Array]:
        """Scores and classes, the activations [N, K, *grid], and what is read of each channel."""


class _Walked:
    """Channels and their gradients."""

    def __init__(self, model: Model, method: Cam, feeds: Feeds, layout: Layout) -> None:
        walk = Walk(method.name, backward.gradient, readout=_both)
        self._walking = Walking(model, walk, {}, feeds, layout.layer)
        self._method, self._layout = method, layout
        self.plan: Plan | None = self._walking.plan
        self.walker = self._walking.walker

    def read(self, request: Request, places: Sequence[int]) -> tuple[Any, Array, Array]:
        """By one walk, from the target to the grid."""
        walked = self._walking.answer(request)
        sizes = [request.batch.x.shape[axis] for axis in places]
        A, G = (self._layout.lay(walked.attribution[:, i], sizes) for i in (0, 1))
        if self._method.pooled and A.size + G.size < walked.attribution.size:
            raise UnsupportedModelError(
                f"method {self._method.name!r} needs a map of all that is pooled behind {self._layout.layer!r}, and "
                "some of it, such as a class token, has no place in the input; hires_cam needs no pooling"
            )
        return walked, A, G


def _both(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """Activations and gradients, [N, 2, ...]."""
    return np.stack([x, arrived], 1)


class _Seen:
    """Channels, and the scores of the input seen through each. Only forward runs."""

    plan: Plan | None = None

    def __init__(self, model: Model, method: Cam, feeds: Feeds, layout: Layout) -> None:
        self._model, self._feeds, self._layout = model, feeds, layout
        self._name = method.name
        self.walker = WALKERS[model.engine](model.canonical, model.precision)
        fit = rows_at_once(model.canonical.graph, model.itemsize, self.walker.budget)
        self._at_once = model.fixed_batch or fit
        self._scoring = Scoring(model, method.seed, self.walker, self._at_once)

    def read(self, request: Request, places: Sequence[int]) -> tuple[Any, Array, Array]:
        """One run for the activations, and one for each channel."""
        asked, x = self._scoring.read(request), request.batch.x
        if x.dtype.kind == "i":
            raise UsageError(
                f"{self._name} dims the input, and {x.dtype} values, such as token ids, have no darker ones"
            )
        A = self._layout.lay(self._activations(request), [x.shape[axis] for axis in places])
        S = np.empty(A.shape[:2])
        still = self._feeds.baseline(request.batch, request.baseline).x
        with progress(self._name, S.size, "channel") as bar:
            for batch in batched(product(*map(range, S.shape)), self._at_once):
                rows, channels = map(list, zip(*batch, strict=True))
                points = self._through(x[rows], still[rows], A[rows, channels], places)
                there = request.at(self._model.explained_input.name, rows, points, asked.chosen)
                S[rows, channels] = self._scoring.read(there).number
                bar.update(len(batch))
        if not np.isfinite(S).all():
            raise NumericalError(
                f"{self._name}: the score is NaN or Inf where channels of {self._layout.layer!r} mask the input; "
                "baseline= says what they hide"
            )
        return asked, A, S

    def _activations(self, request: Request) -> Array:
        """The layer's value at all rows."""
        return read_all(self._model, self.walker, request.batch, self._at_once, self._layout.layer)

    @staticmethod
    def _through(x: Array, still: Array, channels: Array, places: Sequence[int]) -> Array:
        """x where a channel is largest, x₀ where it is smallest."""
        mask = masks(resized(channels, [x.shape[axis] for axis in places]))
        mask = np.expand_dims(mask, [axis for axis in range(1, x.ndim) if axis not in places])
        return np.asarray(still * (1 - mask) + x * mask, x.dtype)
