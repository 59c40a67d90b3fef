"""Class activation maps as nodes of a graph: the same weighing and enlarging as in `onnxplain.method.cam`."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.onnxruntime import export as file_format
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.errors import UnsupportedModelError
from onnxplain.exported_eigen import principal
from onnxplain.exported_walk import Part, read_sample, readout_of, seed_spec, traced
from onnxplain.method import weighers
from onnxplain.method.channels import WalkedChannels
from onnxplain.passes import attach_weights
from onnxplain.plan.plan import Plan
from onnxplain.resample import interpolation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.cam import CamMethod

    Formula = Callable[[TracedNamespace, Traced, Traced, tuple[int, ...]], Traced]
    """What the activations are multiplied by before the channels are summed; axes: those of the positions."""


def _mean(xp: TracedNamespace, A: Traced, G: Traced, axes: tuple[int, ...]) -> Traced:
    sizes = [A.shape[axis] for axis in axes]
    return xp.sum(G, axes) * (1 / prod(int(size) for size in sizes))


def _plus_plus(xp: TracedNamespace, A: Traced, G: Traced, axes: tuple[int, ...]) -> Traced:
    below = G * xp.sum(A, axes) + 2.0
    return xp.sum(xp.ratio(xp.maximum(G, 0.0), below, 0.0), axes)


WEIGHTS: Mapping[type, Formula] = {
    weighers.Cam: lambda xp, _, G, axes: xp.sum(G, axes),
    weighers.GradCam: _mean,
    weighers.GradCamPlusPlus: _plus_plus,
    weighers.LayerCam: lambda xp, _, G, __: xp.maximum(G, 0.0),
    weighers.HiResCam: lambda _, __, G, ___: G,
    weighers.XGradCam: lambda xp, A, G, axes: xp.ratio(xp.sum(G * A, axes), xp.sum(A, axes), 0.0),
}
"""By weigher, the formula of its docstring."""


@dataclass(frozen=True)
class Map:
    """How the channels of a layer become an attribution.

    grid: the shape of the layer, rows first, with its channels on `channels`. shape: that of the input, rows first, and
    `places` its axes that have positions. relu: whether what speaks against the target is dropped.
    detailed: whether the map is to be multiplied by another attribution, and not to be shared out among channels.
    """

    grid: tuple[Any, ...]
    channels: int
    shape: tuple[int, ...]
    places: tuple[int, ...]
    relu: bool
    detailed: bool = False

    @property
    def positions(self) -> tuple[int, ...]:
        """The axes of the layer's positions."""
        return tuple(axis for axis in range(1, len(self.grid)) if axis != self.channels)

    @property
    def sizes(self) -> list[int]:
        """The lengths of the input's axes that have positions."""
        return [self.shape[axis] for axis in self.places]

    def weighed(self, xp: TracedNamespace, A: Traced, weights: Traced) -> Traced:
        """Return Σₖ wₖ Aₖ as a map [N, *positions]."""
        return self.on_places(xp, xp.sum(A * weights, (self.channels,)))

    def flat(self, xp: TracedNamespace, A: Traced) -> Traced:
        """Return the activations as [N, K, P]."""
        first = xp.transpose(A, (0, self.channels, *self.positions))
        return xp.reshape(first, (A.shape[0], self.grid[self.channels], prod(first.shape[2:])))

    def on_places(self, xp: TracedNamespace, maps: Traced) -> Traced:
        """Return one number for each position as [N, *positions]."""
        return xp.reshape(maps, (maps.shape[0], *(self.grid[axis] for axis in self.positions)))

    def spread(self, xp: TracedNamespace, maps: Traced) -> Traced:
        """Return the attribution of a map [N, *positions]."""
        maps = enlarged(xp, xp.maximum(maps, 0.0) if self.relu else maps, self.sizes)
        laid = xp.reshape(maps, [maps.shape[0], *(n if i in self.places else 1 for i, n in self._axes)])
        if self.detailed:
            return laid
        others = [1, *(1 if i in self.places else n for i, n in self._axes)]
        return laid * xp.const(np.full(others, 1 / prod(others), np.float32))

    @property
    def _axes(self) -> list[tuple[int, int]]:
        return list(enumerate(self.shape))[1:]


def map_of(method: CamMethod, batch: Batch, grid: tuple[Any, ...]) -> Map:
    """Return the map of a method, for a layer of this shape, rows first.

    Raises UnsupportedModelError for a layer that is laid out anew, as the tokens of a picture are.
    """
    layout, x = method.layout, batch.x
    places = layout.places(x.ndim, batch.channel_axis)
    if len(grid) != len(places) + 2 or not all(isinstance(size, int) for size in grid[1:]):
        raise UnsupportedModelError(
            f"export: the layer {layout.layer!r} has the shape {list(grid)}, which is no grid of a known size "
            f"with the {len(places)} axes of the input's positions"
        )
    detailed = method.detail is not None
    return Map(grid, layout.channel_axis, x.shape, places, bool(method.parameters["relu"]), detailed)


def enlarged(xp: TracedNamespace, maps: Traced, sizes: Sequence[int]) -> Traced:
    """Return maps [N, *positions] resized by linear interpolation, as `onnxplain.resample.resized` does."""
    for axis, size in enumerate(sizes, 1):
        maps = along(xp, interpolation(int(maps.shape[axis]), size), maps, axis)
    return maps


def along(xp: TracedNamespace, matrix: Array, maps: Traced, axis: int) -> Traced:
    """Return the maps with a matrix [m, n] applied to an axis of length n, which gets the length m."""
    order = [*(each for each in range(maps.ndim) if each != axis), axis]
    moved = xp.matmul(xp.transpose(maps, order), xp.const(matrix.T.astype(np.float32)))
    return xp.transpose(moved, [order.index(each) for each in range(maps.ndim)])


def cam(method: CamMethod, seed: str | None) -> onnx.ModelProto:
    """Return the model with a map that follows from one run, or from one walk, as its attribution."""
    model = method.model
    batch, canonical, fixed = read_sample(model, method.feeds), model.canonical, model.fixed_batch is not None
    if isinstance(method.channels, WalkedChannels):
        walk = method.channels.walk
        canonical, plan = walk.canonical, walk.plan
        default = walk.spec.seed
    else:
        plan, default = Plan(canonical.scores, canonical.scores, ()), "one"
    layer = plan.root if plan.steps else method.layout.layer
    laid = map_of(method, batch, tuple(canonical.graph.tensors()[layer].shape or ()))
    weights, weigher = WEIGHTS.get(type(method.weigher)), method.weigher

    def readout(A: Traced, _: Any, G: Traced) -> Traced:
        xp = TracedNamespace(A.emitter)
        if isinstance(weigher, weighers.EigenCam):
            return laid.spread(xp, laid.on_places(xp, principal(xp, laid.flat(xp, A), centre=weigher.centre)))
        assert weights is not None  # noqa: S101
        return laid.spread(xp, laid.weighed(xp, A, weights(xp, A, G, laid.positions)))

    detail = None if method.detail is None else (method.detail.plan, readout_of(method.detail))
    part = Part(canonical, plan, seed_spec(model, seed, default), readout, fixed=fixed, value=layer, detail=detail)
    joint = traced(part, batch.feeds)
    proto = attach_weights(joint.proto, joint.weights)
    file_format.keep_outputs(proto.graph, canonical.scores)
    return proto
