"""Layout: to which place of the input each position of a layer belongs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.method.grid import last_grid
from onnxplain.ops.channels import channel_axes
from onnxplain.walk.neuron import known_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.model import Model


class Layout:
    """A layer whose positions lie on a grid: the one that is named, or the last one that feeds the classifier.

    Raises UnsupportedModelError where the model has none, UsageError for a name that it does not have.
    """

    def __init__(self, model: Model, layer: str | None) -> None:
        graph = model.canonical.graph
        self._axes = channel_axes(graph)
        self._root = model.root
        found = last_grid(graph, model.root, model.canonical.scores, self._axes) if layer is None else layer
        self.layer = known_value(model.canonical, found)
        shape, axis = graph.tensors()[self.layer].shape or (), self._axes.get(self.layer, 1)
        self.channel_axis = axis
        self._sides = sum(size != 1 for i, size in enumerate(shape) if i not in (0, axis))

    def places(self, rank: int, channel_axis: int | None) -> tuple[int, ...]:
        """Return the axes of an input of this rank that have positions: all but those of the batch and the channels."""
        axes = tuple(range(1, rank))
        if channel_axis is None and len(axes) > max(self._sides, 1):
            channel_axis = self._axes.get(self._root, 1)
        return tuple(axis for axis in axes if axis != channel_axis)

    def lay(self, value: Array, sizes: Sequence[int]) -> Array:
        """Return a value of the layer as [N, K, *grid]; see `laid`."""
        return laid(value, self.channel_axis, sizes, self.layer)


def laid(value: Array, channel_axis: int, sizes: Sequence[int], layer: str) -> Array:
    """Return a value of the layer as [N, K, *grid], with one axis of the grid for each of the input's `sizes`.

    A row of tokens is laid out as a grid in the proportions of the input; the tokens in front that are too many for it,
    such as a class token, are dropped. Raises UsageError where the positions do not fit the input.
    """
    if value.ndim < 3:
        raise UsageError(f"layer {layer!r} has shape {value.shape}; expected [N, K, ...], channels on a grid")
    value = np.moveaxis(value, channel_axis, 1)
    n, k, *grid = value.shape
    if len(grid) == 1 and len(sizes) > 1:
        grid = _laid_out(grid[0], sizes)
        value = value[:, :, value.shape[2] - math.prod(grid) :]
    elif len(grid) > len(sizes):
        grid = [size for size in grid if size != 1] or [1]
    if len(grid) != len(sizes):
        raise UsageError(
            f"layer {layer!r} has positions {value.shape[2:]} and the input {tuple(sizes)}: no place of one belongs to "
            "a place of the other; layer= names another value"
        )
    return value.reshape(n, k, *grid)


def _laid_out(tokens: int, sizes: Sequence[int]) -> list[int]:
    """Return the sides of the largest grid in the proportions of `sizes` that the tokens fill; a side of 1 stays 1."""
    live = [size for size in sizes if size > 1]
    for count in range(tokens, 0, -1):
        scale = (count / math.prod(live)) ** (1 / max(len(live), 1))
        exact = [size * scale if size > 1 else 1 for size in sizes]
        grid = [round(side) for side in exact]
        if math.prod(grid) == count and all(map(_close, grid, exact)):
            return grid
    return [tokens]


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-9)
