"""Class activation maps: the channels of a layer are weighed into one map, which is enlarged to the input."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from onnxplain.errors import NumericalError, UnsupportedModelError, UsageError
from onnxplain.guard.engine import GuardedEngine
from onnxplain.method import backward
from onnxplain.method.averages import batched
from onnxplain.method.finite import check_scores
from onnxplain.method.grid import why_not_pooled
from onnxplain.method.layout import Layout
from onnxplain.method.request import Result
from onnxplain.method.scoring import read_value, score
from onnxplain.method.spec import MethodSpec
from onnxplain.method.walk_method import WalkMethod, WalkSpec
from onnxplain.method.weighers import masks
from onnxplain.progress import progress
from onnxplain.resample import resized
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.method.request import Request
    from onnxplain.method.scoring import Scored
    from onnxplain.method.weighers import Weigher
    from onnxplain.model import Model
    from onnxplain.plan.plan import Plan


@dataclass(frozen=True)
class CamSpec(MethodSpec):
    """A method that weighs the channels of a grid into a map; `make` builds its weigher.

    masks: whether a channel's weight comes from the score of the input that it masks, and not from gradients.
    pooled: whether a global average pooling and one linear layer have to follow the grid.
    detail: the walk whose attribution the enlarged map is multiplied by.
    """

    _: KW_ONLY
    masks: bool = False
    pooled: bool = False
    detail: str | None = None


class CamMethod:
    """A `CamSpec` on a model. layer: name of the grid's value; by default the last one that feeds the classifier.

    Parameters that the weigher does not have are those of the walk that adds detail.
    """

    def __init__(
        self, model: Model, spec: CamSpec, parameters: dict[str, Any], feeds: Feeds, layer: str | None = None
    ) -> None:
        self.model, self.spec = model, spec
        detail = backward.WALKS[spec.detail].parameters if spec.detail else {}
        spec.check(parameters, spec.parameters | detail)
        own = {n: value for n, value in parameters.items() if spec.detail is None or n in spec.parameters}
        self.weigher: Weigher = spec.build(**own)
        self.layout = Layout(model, layer)
        channels = _MaskedChannels if spec.masks else _WalkedChannels
        self.channels: _Channels = channels(model, spec, feeds, self.layout)
        self.detail: WalkMethod | None = None
        if spec.detail:
            given = {n: v for n, v in parameters.items() if n not in own}
            self.detail = WalkMethod(model, backward.WALKS[spec.detail], given, feeds)
        self.parameters = spec.parameters | parameters | {"layer": self.layout.layer}
        if spec.pooled:
            self._check_pooled()

    @property
    def plan(self) -> Plan | None:
        """The plan of the gradient from the target to the layer; None where only scores are read."""
        return self.channels.plan

    @property
    def engine(self) -> GuardedEngine:
        """See `Method`."""
        return self.channels.engine

    def run(self, request: Request) -> Result:
        """Weigh the channels and enlarge the map. Each channel of the input gets an equal share of the value."""
        if self.spec.pooled and isinstance(request.objective.target, Neuron):
            raise UsageError(f"method {self.spec.name!r} explains a class; grad_cam explains any Neuron")
        request = request.precise(self.model.precision)
        shape = request.batch.x.shape
        places = self.layout.places(len(shape), request.batch.channel_axis)
        known, A, weights = self.channels.read(request, places)
        raw = self.weigher(A, weights)
        sizes = [n if axis in (0, *places) else 1 for axis, n in enumerate(shape)]
        maps = resized(raw, [shape[axis] for axis in places]).reshape(sizes)
        if self.detail is None:
            attribution = np.broadcast_to(maps / (np.prod(shape) / maps.size), shape).astype(raw.dtype)
        else:
            attribution = maps * self.detail.run(request).attribution
        return Result(attribution, known.score, known.scores, known.chosen, raw=raw)

    def _check_pooled(self) -> None:
        nodes = [node for node, _ in self.plan.steps] if self.plan else []
        why = why_not_pooled(self.model.canonical.graph, nodes)
        if why:
            raise UnsupportedModelError(
                f"method {self.spec.name!r} needs global average pooling and then one linear layer behind "
                f"{self.layout.layer!r}, and here is {why}; grad_cam needs neither"
            )


class _Channels(Protocol):
    """Where the two arrays that a weigher takes come from."""

    plan: Plan | None
    engine: GuardedEngine

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Return the scores with the classes, the activations [N, K, *grid], and what was read of each channel."""


class _WalkedChannels:
    """The channels and their gradients."""

    def __init__(self, model: Model, spec: CamSpec, feeds: Feeds, layout: Layout) -> None:
        walk = WalkSpec(spec.name, backward.gradient, readout=_both)
        self._walk = WalkMethod(model, walk, {}, feeds, layout.layer)
        self._spec, self._layout = spec, layout
        self.plan: Plan | None = self._walk.plan
        self.engine = self._walk.engine

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read them in one walk, from the target to the layer."""
        walked = self._walk.run(request)
        sizes = [request.batch.x.shape[axis] for axis in places]
        A, G = (self._layout.lay(walked.attribution[:, i], sizes) for i in (0, 1))
        if self._spec.pooled and A.size + G.size < walked.attribution.size:
            raise UnsupportedModelError(
                f"method {self._spec.name!r} needs a map of all that is pooled behind {self._layout.layer!r}, and "
                "some of it, such as a class token, has no place in the input; hires_cam needs no pooling"
            )
        return walked, A, G


def _both(x: Array, x0: Array | None, arrived: Array) -> Array:  # noqa: ARG001
    """Return activations and gradients as one array [N, 2, ...], which the walk hands out as its attribution."""
    return np.stack([x, arrived], 1)


class _MaskedChannels:
    """The channels, and the scores of the input masked by each of them. There are only forward runs."""

    plan: Plan | None = None

    def __init__(self, model: Model, spec: CamSpec, feeds: Feeds, layout: Layout) -> None:
        self._model, self._feeds, self._layout = model, feeds, layout
        self._name = spec.name
        self.engine = GuardedEngine(model)
        self._at_once = model.fixed_batch or self.engine.rows_that_fit

    def read(self, request: Request, places: Sequence[int]) -> tuple[Result | Scored, Array, Array]:
        """Read the activations in one run, and run once for each channel."""
        known, x = self._score(request), request.batch.x
        check_scores(self._model, request.batch, known.scores)
        if x.dtype.kind == "i":
            raise UsageError(
                f"{self._name} dims the input, and {x.dtype} values, such as token ids, have no darker ones"
            )
        A = self._layout.lay(self._activations(request), [x.shape[axis] for axis in places])
        S = np.empty(A.shape[:2])
        baseline = self._feeds.baseline(request.batch, request.baseline).x
        with progress(self._name, S.size, "channel") as bar:
            for batch in batched(product(*map(range, S.shape)), self._at_once):
                rows, channels = map(list, zip(*batch, strict=True))
                points = self._through(x[rows], baseline[rows], A[rows, channels], places)
                there = request.at(self._model.explained_input.name, rows, points, known.chosen)
                S[rows, channels] = self._score(there).number
                bar.update(len(batch))
        if not np.isfinite(S).all():
            raise NumericalError(
                f"{self._name}: the score is NaN or Inf where channels of {self._layout.layer!r} mask the input; "
                "baseline= says what they hide"
            )
        return known, A, S

    def _activations(self, request: Request) -> Array:
        """Return the layer's value at all rows."""
        return read_value(self._model, self.engine, request.batch, self._at_once, self._layout.layer)

    def _score(self, request: Request) -> Scored:
        return score(self._model, self.engine, request, self._at_once)

    @staticmethod
    def _through(x: Array, baseline: Array, channels: Array, places: Sequence[int]) -> Array:
        """Return x where a channel is largest, the baseline where it is smallest, and blends of the two between."""
        mask = masks(resized(channels, [x.shape[axis] for axis in places]))
        mask = np.expand_dims(mask, [axis for axis in range(1, x.ndim) if axis not in places])
        return np.asarray(baseline * (1 - mask) + x * mask, x.dtype)
