"""Meaningful perturbation: learn the smallest smooth mask whose blur makes the score fall."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.learnt import check_grid, of_every_channel
from onnxplain.perturb.row import PerturbationResult, blended, places, scaled
from onnxplain.resample import along, gaussian_interpolation

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row

STRIDE, SPREAD, JITTER = 8, 5.0, 4
"""Pixels, at 224 pixels: between cells of the mask, sigma of a cell, and of the random shifts."""


@dataclass(frozen=True)
class MeaningfulPerturbation:
    """The smallest smooth mask whose blur takes the score away, learnt by Adam.

    m = argmin l1 Σ |1 - m| + tv Σ |∇m|^beta + F(x seen through m), m in [0, 1], 0 where x is blurred. The mask has
    a cell each `stride` pixels, enlarged by a Gaussian of `spread` pixels, and is learnt by Adam, from the smallest
    disc of blur in the middle that takes away 99 % of what blurring everything does. Each step sees the picture
    rolled by up to half of `jitter`. The map is 1 - m; `raw` is the mask as learnt. F is the probability of the
    class, whose units l1 and tv have.

    steps: of Adam, at `rate`. blur, spread: sigmas in pixels. Sizes in pixels that are not given are 8 (stride),
    10, 5 and 4 at 224. value: what is seen where m is 0. Source: Fong & Vedaldi 2017.
    """

    steps: int = 300
    rate: float = 0.1
    l1: float = 1e-4
    tv: float = 1e-2
    beta: float = 3.0
    stride: int | None = None
    blur: float | None = None
    spread: float | None = None
    jitter: int | None = None
    value: float | str = "blur"
    random_seed: int = 0
    learns: ClassVar[int] = 3

    def __post_init__(self) -> None:
        checks.whole(steps=self.steps)
        checks.seed(random_seed=self.random_seed)
        checks.real(rate=self.rate, l1=self.l1, tv=self.tv)
        checks.real(1.0, beta=self.beta)

    def count(self, row: Row) -> int:  # noqa: ARG002
        """One row a step, the discs, and the two ends."""
        return self.steps + DISCS + 1

    def explain(self, row: Row) -> PerturbationResult:
        """Learn the mask by the gradient of F."""
        check_grid("meaningful_perturbation", self.learns, row.x.shape, row.channel_axis)
        sizes = {"stride": self.stride, "blur": self.blur, "spread": self.spread, "jitter": self.jitter}
        checks.sizes(len(places(row)), **sizes)
        hidden = stand_in(row, self.value, self.blur)
        enlarge = self._enlarge(row)
        mask, adam = _first(row, hidden, enlarge), Adam(self.rate)
        reach = [round(size) // 2 for size in scaled(row, self.jitter, JITTER)]
        axes = tuple(range(row.x.ndim))
        for _ in range(self.steps):
            shift = _of_row(row, [int(row.rng.integers(-r, r + 1)) for r in reach])
            seen = blended(row, _applied(enlarge, mask)[None], hidden)[0]
            slope = row.gradient(np.roll(seen, shift, axes)[None])[1][0]
            slope = np.roll(slope, [-s for s in shift], axes)
            pull = _applied([matrix.T for matrix in enlarge], of_every_channel(row, slope * (row.x - hidden)))
            mask = np.clip(adam.step(mask, pull - self.l1 + self.tv * _rough(mask, self.beta)), 0, 1)
        # exactly 0 where nothing is hidden, which 1 minus the enlarged mask is not
        return PerturbationResult(_applied(enlarge, 1 - mask).astype(float), raw=mask)

    def _enlarge(self, row: Row) -> list[Array]:
        """A matrix per axis from the cells of the mask to places."""
        strides = [max(1, round(size)) for size in scaled(row, self.stride, STRIDE)]
        spreads = scaled(row, self.spread, SPREAD)
        return [
            gaussian_interpolation(-(-n // stride), n, spread).astype(row.x.dtype)
            for n, stride, spread in zip(places(row), strides, spreads, strict=True)
        ]


@dataclass
class Adam:
    """Gradient descent in steps of about `rate` whatever the gradient's size. Source: Kingma & Ba 2015."""

    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    taken: int = 0
    mean: Any = field(default=0.0, repr=False)
    square: Any = field(default=0.0, repr=False)

    def step(self, x: Array, slope: Array) -> Array:
        """x moved against its slope."""
        a, b = self.betas
        self.taken += 1
        self.mean = a * self.mean + (1 - a) * slope
        self.square = b * self.square + (1 - b) * slope**2
        size = np.sqrt(self.square / (1 - b**self.taken)) + 1e-8
        return np.asarray(x - self.rate * self.mean / (1 - a**self.taken) / size, x.dtype)


DISCS = 20
"""Radii that are tried for the first mask."""


def _first(row: Row, hidden: Array, enlarge: list[Array]) -> Array:
    """1, and 0 in the smallest disc that takes away 99 % of what hiding everything does."""
    cells = tuple(matrix.shape[1] for matrix in enlarge)
    axes = np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in cells], indexing="ij")
    distance = np.sqrt(sum(axis**2 for axis in axes)) / np.sqrt(0.25 * len(cells))
    masks = np.stack([distance > radius for radius in np.linspace(0, 1, DISCS + 1)]).astype(row.x.dtype)
    masks[0] = 1
    scores = np.concatenate([row.score(blended(row, _applied(enlarge, mask)[None], hidden)) for mask in masks])
    enough = scores <= scores[-1] + 0.01 * (scores[0] - scores[-1])
    return np.asarray(masks[enough.argmax()])


def _applied(matrices: list[Array], maps: Array) -> Array:
    """One matrix an axis."""
    for axis, matrix in enumerate(matrices):
        maps = along(matrix, maps, axis)
    return maps


def _rough(mask: Array, beta: float) -> Array:
    """Derivative of Σ |∇m|^beta with respect to m."""
    total = np.zeros_like(mask)
    for axis in range(mask.ndim):
        rise = np.diff(mask, axis=axis)
        slope = beta * np.abs(rise) ** (beta - 1) * np.sign(rise)
        pads = [(1, 1) if i == axis else (0, 0) for i in range(mask.ndim)]
        total -= np.diff(np.pad(slope, pads), axis=axis)
    return total


def _of_row(row: Row, shift: list[int]) -> list[int]:
    """A shift per axis of x: 0 along channels."""
    axis = row.channel_axis
    return shift if axis is None else [*shift[:axis], 0, *shift[axis:]]
