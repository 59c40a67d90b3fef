"""Occlusion: hide one window after another and watch the score drop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.row import PerturbationResult, is_table, places, scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.perturb.row import Row

Key = tuple[slice, ...]
WINDOW, STRIDE = 15, 8
"""Pixels, at 224 pixels."""


@dataclass(frozen=True)
class Occlusion:
    """The drop of the score when a window is hidden, spread over the window, averaged over the windows at a place.

    R(p) = mean over windows w that cover p of (F(x) - F(x without w)) / |w|. So hiding single places of a linear model
    gives weight times input. Windows cover all channels; the last one on an axis ends at the border.

    window, stride: pixels, one number or one per axis; by default 15 and 8 at 224, in proportion elsewhere, at least 1;
    1 for the columns of a table. value: what is seen instead, "baseline", "mean", "blur" or a number.
    Source: Zeiler & Fergus 2014.
    """

    window: int | tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    value: float | str = "baseline"
    learns: ClassVar[int] = 0
    random_seed: ClassVar[int] = 0

    def count(self, row: Row) -> int:
        """One row a window, and the whole."""
        return 1 + math.prod(map(len, self._starts(row)))

    def explain(self, row: Row) -> PerturbationResult:
        """Chunk of windows by chunk of windows."""
        hidden, windows = stand_in(row, self.value), list(self._windows(row))
        whole = row.score(row.x[None])[0]
        total, covered = np.zeros(places(row)), np.zeros(places(row))
        for start in range(0, len(windows), row.at_once):
            chunk = windows[start : start + row.at_once]
            rows = np.repeat(row.x[None], len(chunk), 0)
            for hiding, window in zip(rows, chunk, strict=True):
                key = _all_channels(row, window)
                hiding[key] = hidden[key]
            for score, window in zip(row.score(rows), chunk, strict=True):
                total[window] += (whole - score) / total[window].size
                covered[window] += 1
        return PerturbationResult(total / covered)

    def _windows(self, row: Row) -> Iterator[Key]:
        """Each window as slices of `places`."""
        widths = self._widths(row)
        for corner in product(*self._starts(row)):
            yield tuple(slice(start, start + width) for start, width in zip(corner, widths, strict=True))

    def _starts(self, row: Row) -> list[list[int]]:
        """Where windows begin, per axis."""
        steps = _pixels(row, "stride", self.stride, STRIDE)
        return [
            sorted({*range(0, n - width, step), n - width})
            for n, width, step in zip(places(row), self._widths(row), steps, strict=True)
        ]

    def _widths(self, row: Row) -> list[int]:
        """Length of a window, per axis."""
        widths = _pixels(row, "window", self.window, WINDOW)
        steps = _pixels(row, "stride", self.stride, STRIDE)
        if any(step > width for step, width in zip(steps, widths, strict=True)):
            raise UsageError(f"stride {steps} > window {widths}: some places would never be hidden")
        return [min(width, n) for width, n in zip(widths, places(row), strict=True)]


def _pixels(row: Row, name: str, given: Any, at_papers: int) -> list[int]:
    """Whole pixels per axis."""
    checks.sizes(len(places(row)), **{name: given})
    if given is None and is_table(row):
        return [1]
    sizes = [max(1, round(size)) if given is None else size for size in scaled(row, given, at_papers)]
    for size in sizes:
        checks.whole(**{name: size})
    return [int(size) for size in sizes]


def _all_channels(row: Row, window: Key) -> Key:
    """A window as slices of x."""
    axis = row.channel_axis
    return window if axis is None else (*window[:axis], slice(None), *window[axis:])
