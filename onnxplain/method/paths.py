"""Paths of integrated gradients: from where a path starts, and how it leads to the input, by the gradients on the way.

The attribution of an element is the sum of gradient times step along the path, and all of them sum to the difference of
the score between both ends as the steps grow smaller. Each field of a path is a parameter of the method.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from onnxplain import checks
from onnxplain.hiding import check_places
from onnxplain.resample import PAPERS

if TYPE_CHECKING:
    from collections.abc import Generator

    from onnxplain.arrays import Array

BLUR = 50.0
"""Standard deviation of the strongest blur, in pixels, for pictures of 224 pixels a side."""
CLOSE = 1e-9
"""The part of the whole way that may be missing from a step."""


class Path(Protocol):
    """A way through the space of inputs to one row x.

    neighbours: whether it needs to know which elements lie beside one another.
    """

    neighbours: ClassVar[bool]

    @property
    def steps(self) -> int:
        """How many gradients are taken on the way."""

    def start(self, x: Array, baseline: Array, channel_axis: int | None) -> Array:
        """Return where the path to x [*in] starts."""

    def follow(self, x: Array, start: Array, channel_axis: int | None) -> Generator[Array, Array, Array]:
        """Yield the points of the path, take the gradient at each, and return the attribution in float64."""


@dataclass(frozen=True)
class BlurPath:
    """Gradients integrated along the way from a blur of the picture to the picture itself. Source: Xu et al. 2020.

    Σ ∇f(L(tₖ)) (L(k/n) - L((k + 1)/n)) over n steps k, at their middles tₖ = (k + 1/2)/n, where L(t) is x convolved
    with a Gaussian of t sigma, whose border is mirrored. It needs no baseline, and sums to f(x) - f(L(1)).

    steps: n. sigma: the strongest blur in pixels; by default 50 at 224 pixels a side, in proportion at other sizes.
    """

    steps: int = 100
    sigma: float | None = None
    of: ClassVar[str] = "gradient"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = False
    moves: ClassVar[bool] = True
    neighbours: ClassVar[bool] = True
    random_seed: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(steps=self.steps)
        if self.sigma is not None:
            checks.real(sigma=self.sigma)

    def start(self, x: Array, baseline: Array, channel_axis: int | None) -> Array:  # noqa: ARG002
        """Return the strongest blur. Raises UsageError for the columns of a table, which have no neighbours."""
        check_places(x, "a blur")
        return _Blurs(x, self.sigma, channel_axis).at(1.0)

    def follow(self, x: Array, start: Array, channel_axis: int | None) -> Generator[Array, Array, Array]:  # noqa: ARG002
        """Go from the picture to its blur, which gives the same sum as the other way."""
        blurs, found = _Blurs(x, self.sigma, channel_axis), np.zeros(x.shape)
        before = blurs.at(0.0)
        for k in range(self.steps):
            gradient = yield blurs.at((k + 0.5) / self.steps)
            behind = blurs.at((k + 1) / self.steps)
            found += gradient * (before.astype(np.float64) - behind)
            before = behind
        return found


class _Blurs:
    """A row x convolved with Gaussians of any size along its places, by the Fourier transform of its mirrored form."""

    def __init__(self, x: Array, sigma: float | None, channel_axis: int | None) -> None:
        self._x, self._axes = x, tuple(axis for axis in range(x.ndim) if axis != channel_axis)
        mirrored = x.astype(np.float64)
        for axis in self._axes:
            mirrored = np.concatenate([mirrored, np.flip(mirrored, axis)], axis)
        self._sizes = [mirrored.shape[axis] for axis in self._axes]
        self._waves = np.fft.rfftn(mirrored, axes=self._axes)
        self._decay = np.zeros(())
        for axis in self._axes:
            side, last = x.shape[axis], axis == self._axes[-1]
            frequency = 2 * np.pi * (np.fft.rfftfreq if last else np.fft.fftfreq)(2 * side)
            width = BLUR * side / PAPERS if sigma is None else sigma
            shape = [-1 if each == axis else 1 for each in range(x.ndim)]
            self._decay = self._decay + ((width * frequency) ** 2 / 2).reshape(shape)

    def at(self, t: float) -> Array:
        """Return x convolved with Gaussians of t times the standard deviations, in the type of x."""
        waves = self._waves * np.exp(-self._decay * t**2)
        blurred = np.fft.irfftn(waves, self._sizes, self._axes)
        kept = tuple(slice(side) if axis in self._axes else slice(None) for axis, side in enumerate(self._x.shape))
        return np.asarray(blurred[kept], self._x.dtype)


@dataclass(frozen=True)
class GuidedPath:
    """Integrated gradients along a path that moves the elements of the smallest gradients first.

    The path starts at the baseline. In each of n steps the L1 distance to x falls by 1/n of the whole, by moving those
    elements that have not come too far and whose |∇f| is smallest. So elements at which the score is steep, where
    noise would add up, move last and together. An element may move by up to twice `distance` of its way on one
    gradient, so that the sum misses some of the difference however many the steps; `delta` says how much.
    Source: Kapishnikov et al. 2021.

    steps: n. fraction: the share of all elements that move at a time, 0 to 1. distance: how far an element may be from
    the straight line, as a share of its way; 0 is the straight line, 1 leaves it free.
    """

    steps: int = 200
    fraction: float = 0.25
    distance: float = 0.02
    of: ClassVar[str] = "gradient"
    spread: ClassVar[bool] = False
    crosses: ClassVar[bool] = False
    moves: ClassVar[bool] = True
    neighbours: ClassVar[bool] = False
    random_seed: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(steps=self.steps)
        checks.real(0.0, 1.0, fraction=self.fraction)
        checks.real(0.0, 1.0, distance=self.distance)

    def start(self, x: Array, baseline: Array, channel_axis: int | None) -> Array:  # noqa: ARG002
        """Return the baseline."""
        return baseline

    def follow(self, x: Array, start: Array, channel_axis: int | None) -> Generator[Array, Array, Array]:  # noqa: ARG002
        """Move each element along its own way: `gone` is the share of it that lies behind."""
        way = x.astype(np.float64) - start
        gone, found = np.where(way == 0, 1.0, 0.0), np.zeros(x.shape)
        for k in range(self.steps):
            gradient = yield np.asarray(start + gone * way, x.dtype)
            now = self._moved(gone, np.abs(way), np.abs(gradient.astype(np.float64)), (k + 1) / self.steps)
            found += gradient * (now - gone) * way
            gone = now
        return found

    def _moved(self, gone: Array, length: Array, steep: Array, due: float) -> Array:
        """Return how far each element has gone once the mean, weighed by length, is `due`."""
        low, high = max(due - self.distance, 0.0), min(due + self.distance, 1.0)
        gone, total = np.maximum(gone, low), length.sum()
        rank = floor(self.fraction * (gone.size - 1))
        while (missing := (length * (due - gone)).sum()) > CLOSE * total:
            cost = np.where((gone < high) & (length > 0), steep, np.inf)
            flattest = (cost <= np.partition(cost, rank, axis=None)[rank]) & (cost < np.inf)
            room = (length * (high - gone))[flattest].sum()
            if not room > 0:
                break
            gone = np.where(flattest, gone + min(missing / room, 1.0) * (high - gone), gone)
            gone = np.where(flattest & (missing >= room), high, gone)
        return gone
