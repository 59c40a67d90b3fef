"""Boxes of places in which rows differ from one row, and maps that are cut out of and put together from two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.patches.groups import Group
    from onnxplain.engines.window import Window


@dataclass(frozen=True)
class Boxes:
    """A box for each row: the places from `low` on and before `stop`, integers [n, axes]."""

    low: Array
    stop: Array

    @property
    def sides(self) -> Array:
        """The largest length of a box along each axis, [axes]; at least 1, though a stride may step over a box."""
        return np.asarray(np.maximum((self.stop - self.low).max(0), 1))

    def through(self, window: Window) -> Boxes:
        """Return the boxes of the output of a window that slides over a map, where it reads any place of these boxes.

        Output j reads the places from j s - p to j s - p + (k - 1) d, for stride s, padding p and dilation d.
        """
        s, p, out = map(np.array, (window.strides, window.before, window.out))
        low, stop = -((reach(window) - p - self.low) // s), (self.stop - 1 + p) // s + 1
        return Boxes(np.clip(low, 0, out - 1), np.clip(stop, 1, out))

    def around(self, other: Boxes) -> Boxes:
        """Return the smallest boxes that hold both."""
        return Boxes(np.minimum(self.low, other.low), np.maximum(self.stop, other.stop))


@dataclass(frozen=True)
class Patches:
    """What a map holds in the boxes of its rows. values: [n, C, *sides], whose first place is `start` [n, axes]."""

    boxes: Boxes
    values: Array
    start: Array


def reach(window: Window) -> Array:
    """Return how far the last place that a window reads is from its first one, (k - 1) d, for each axis."""
    return np.array([(k - 1) * d for k, d in zip(window.kernel, window.dilations, strict=True)])


def changed(rows: Array, row: Array) -> tuple[Array, Boxes]:
    """Return which of `rows` [n, C, *size] differ from `row` [C, *size] at all, and the boxes of all that do."""
    differs = (rows != row).any(1)
    axes = range(1, differs.ndim)
    lines = [differs.any(tuple(other for other in axes if other != axis)) for axis in axes]
    moved = lines[0].any(1)
    low = np.stack([line[moved].argmax(1) for line in lines], 1)
    stop = np.stack([line.shape[1] - line[moved, ::-1].argmax(1) for line in lines], 1)
    return moved, Boxes(low, stop)


def output_boxes(group: Group, boxes: Mapping[str, Boxes]) -> Boxes:
    """Return the boxes of the outputs of a group, from those of the maps that it reads."""
    result = boxes[group.source].through(group.window)
    for name in group.beside:
        result = result.around(boxes[name])
    return result


def cut(base: Array, patches: Patches, start: Array, sides: Array, padding: float) -> Array:
    """Return a part of the map of each row, [n, C, *sides], from the place `start` [n, axes] on.

    The map of row i is `base` [C, *size] with the patch i in its box, and `padding` all around.
    """
    result = np.full((len(start), len(base), *sides), padding, base.dtype)
    size = np.array(base.shape[1:])
    for i, at in enumerate(start):
        low, stop = np.maximum(at, 0), np.minimum(at + sides, size)
        result[i][_box(low - at, stop - at)] = base[_box(low, stop)]
        low, stop = np.maximum(at, patches.boxes.low[i]), np.minimum(at + sides, patches.boxes.stop[i])
        if (low < stop).all():
            own = patches.start[i]
            result[i][_box(low - at, stop - at)] = patches.values[i][_box(low - own, stop - own)]
    return result


def _box(low: Array, stop: Array) -> Any:
    """Return a box as an index into a map [C, *size]."""
    return (slice(None), *map(slice, low.tolist(), stop.tolist()))
