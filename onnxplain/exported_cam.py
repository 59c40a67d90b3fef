"""Class activation maps as nodes of a graph: the same weighing and enlarging as in `onnxplain.method.cam`."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.method import weighers
from onnxplain.method.channels import WalkedChannels
from onnxplain.resample import interpolation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.engines.onnxruntime.traced import Traced
    from onnxplain.method.cam import CamMethod
    from onnxplain.method.readout import Readout
    from onnxplain.method.walk_method import WalkMethod

    Formula = Callable[[TracedNamespace, Traced, Traced, tuple[int, ...]], Traced]
    """What the activations are multiplied by before the channels are summed; axes: those of the positions."""


def _mean(xp: TracedNamespace, A: Traced, G: Traced, axes: tuple[int, ...]) -> Traced:
    sizes = [A.shape[axis] for axis in axes]
    return xp.sum(G, axes) * (1 / prod(int(size) for size in sizes))


WEIGHTS: dict[type, Formula] = {
    weighers.Cam: lambda xp, _, G, axes: xp.sum(G, axes),
    weighers.GradCam: _mean,
    weighers.LayerCam: lambda xp, _, G, __: xp.maximum(G, 0.0),
    weighers.HiResCam: lambda _, __, G, ___: G,
    weighers.XGradCam: lambda xp, A, G, axes: xp.ratio(xp.sum(G * A, axes), xp.sum(A, axes), 0.0),
}
"""By weigher, the formula of its docstring."""


def as_walk(method: CamMethod, shape: Sequence[int], channel_axis: int | None) -> WalkMethod:
    """Return the walk to the layer whose read-out is the enlarged map of the method.

    shape: of the input, whose channels lie on `channel_axis`. Raises UsageError for a method whose weights are no
    formula of gradients, UnsupportedModelError for a layer whose positions are laid out anew, as tokens are.
    """
    formula = WEIGHTS.get(type(method.weigher))
    if formula is None or not isinstance(method.channels, WalkedChannels) or method.detail is not None:
        known = "cam, grad_cam, layer_cam, hires_cam and xgrad_cam"
        raise UsageError(f"export writes {known} of the class activation maps, and not {method.spec.name!r}")
    walk = method.channels.walk
    grid = walk.canonical.graph.tensors()[walk.plan.root].shape or ()
    places = method.layout.places(len(shape), channel_axis)
    if len(grid) != len(places) + 2 or not all(isinstance(size, int) for size in grid[1:]):
        raise UnsupportedModelError(
            f"export: the layer {method.layout.layer!r} has the shape {list(grid)}, which is no grid of a known size "
            f"with the {len(places)} axes of the input's positions"
        )
    readout = _readout(method, formula, [shape[axis] for axis in places], list(shape), places)
    walk.spec = replace(walk.spec, readout=readout)
    walk.parameters = method.parameters
    return walk


def _readout(
    method: CamMethod, formula: Formula, sizes: Sequence[int], shape: list[int], places: Sequence[int]
) -> Readout:
    """Return the function of activations and gradients that makes the attribution."""
    channels, relu = method.layout.channel_axis, bool(method.parameters["relu"])

    def readout(A: Traced, _: Any, G: Traced) -> Traced:
        xp = TracedNamespace(A.emitter)
        axes = tuple(axis for axis in range(1, A.ndim) if axis != channels)
        weighed = xp.sum(A * formula(xp, A, G, axes), (channels,))
        maps = xp.reshape(weighed, [size for axis, size in enumerate(weighed.shape) if axis != channels])
        maps = xp.maximum(maps, 0.0) if relu else maps
        for axis, size in enumerate(sizes, 1):
            maps = _resized(xp, maps, axis, size)
        spread = [size if axis == 0 or axis in places else 1 for axis, size in enumerate([maps.shape[0], *shape[1:]])]
        others = [1 if axis == 0 or axis in places else size for axis, size in enumerate(shape)]
        return xp.reshape(maps, spread) * xp.const(np.full(others, 1 / prod(others), np.float32))

    return readout


def _resized(xp: TracedNamespace, maps: Traced, axis: int, size: int) -> Traced:
    """Return the maps with an axis resized by linear interpolation, as `onnxplain.resample.resized` does."""
    order = [*(each for each in range(maps.ndim) if each != axis), axis]
    matrix = interpolation(int(maps.shape[axis]), size).T.astype(np.float32)
    moved = xp.matmul(xp.transpose(maps, order), xp.const(matrix))
    return xp.transpose(moved, [order.index(each) for each in range(maps.ndim)])
