"""Occlusion: hide one window of the input after another and watch the score drop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.row import PerturbationResult, is_table, places, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.perturb.row import Pixels, Row

Window: TypeAlias = tuple[slice, ...]
"""A box of places, one slice for each axis."""

WINDOW, STRIDE = 15, 8
"""The side of a window and the distance between windows, in pixels, for pictures of 224 pixels a side."""


@dataclass(frozen=True)
class Occlusion:
    """The drop of the score when a window is hidden, spread over the window, averaged over the windows at a place.

    R(p) = mean over the windows w that cover the place p of (F(x) - F(x without w)) / |w|, where |w| is the number of
    places in w. Hiding single places of a linear model therefore gives weight times input. A window covers all
    channels; the last window along an axis ends at the border.

    window, stride: the sides of a window and the distances between windows in pixels, one number or one for each axis;
    by default 15 and 8 at 224 pixels, in proportion at other sizes, at least 1, and 1 for the columns of a table and
    the tokens of a text.
    value: what is shown instead: "baseline", "mean", "blur" or a number. Source: Zeiler & Fergus 2014.
    """

    window: int | tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    value: float | str = "baseline"
    learns: ClassVar[int] = 0
    random_seed: ClassVar[int] = 0

    def count(self, row: Row) -> int:
        """Return how many rows are scored: the row itself, and one for each window."""
        return 1 + math.prod(map(len, self._starts(row)))

    def explain(self, row: Row) -> PerturbationResult:
        """Hide the windows, as many at once as fit, and average the drops of the score."""
        hidden, windows = stand_in(row, self.value), self._windows(row)
        whole = row.score(row.x[None])[0]
        total, covered = np.zeros(places(row)), np.zeros(places(row))
        while chunk := list(islice(windows, row.at_once)):
            rows = np.repeat(row.x[None], len(chunk), 0)
            for i, window in enumerate(chunk):
                key: Any = _all_channels(row, window)
                rows[(i, *key)] = hidden[key]
            for score, window in zip(row.score(rows), chunk, strict=True):
                total[window] += (whole - score) / total[window].size
                covered[window] += 1
        return PerturbationResult(total / covered)

    def _windows(self, row: Row) -> Iterator[Window]:
        """Yield each window as slices of the axes of places."""
        widths = self._widths(row)
        for corner in product(*self._starts(row)):
            yield tuple(slice(start, start + width) for start, width in zip(corner, widths, strict=True))

    def _starts(self, row: Row) -> list[list[int]]:
        """Return where the windows begin along each axis of places."""
        steps = _pixels(row, "stride", self.stride, STRIDE)
        return [
            sorted({*range(0, n - width, step), n - width})
            for n, width, step in zip(places(row), self._widths(row), steps, strict=True)
        ]

    def _widths(self, row: Row) -> list[int]:
        """Return the length of a window along each axis of places."""
        widths = _pixels(row, "window", self.window, WINDOW)
        steps = _pixels(row, "stride", self.stride, STRIDE)
        if any(step > width for step, width in zip(steps, widths, strict=True)):
            raise UsageError(f"stride {steps} > window {widths}: some places would never be hidden")
        return [min(width, n) for width, n in zip(widths, places(row), strict=True)]


def _pixels(row: Row, name: str, given: Pixels, at_papers: int) -> list[int]:
    """Return a size in whole pixels for each axis of places. Raises UsageError, with its name, for any other number."""
    checks.sizes(len(places(row)), **{name: given})
    if given is None and is_table(row):
        return [1]
    sizes = [max(1, round(size)) if given is None else size for size in scaled(row, given, at_papers)]
    for size in sizes:
        checks.whole(**{name: size})
    return [int(size) for size in sizes]


def _all_channels(row: Row, window: Window) -> tuple[slice, ...]:
    """Return a window as slices of all axes of x."""
    axis = row.channel_axis
    return window if axis is None else (*window[:axis], slice(None), *window[axis:])
