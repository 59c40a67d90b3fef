"""Meaningful perturbation: learn the smallest smooth mask whose blur makes the score fall."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.learnt import check_grid, clipped, of_every_channel
from onnxplain.perturb.row import PerturbationResult, blended, places, scaled
from onnxplain.resample import along, gaussian_interpolation

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row

STRIDE, SPREAD, JITTER = 8, 5.0, 4
"""In pixels, for pictures of 224 pixels a side: the distance between the cells of the mask, the sigma of the Gaussian
by which a cell is enlarged, and the range of the random shifts."""

DISCS = 20
"""How many discs are tried for the first mask, besides none."""


@dataclass(frozen=True)
class MeaningfulPerturbation:
    """The smallest smooth mask whose blur takes the score away, learnt by Adam.

    m = argmin l1 Σ |1 - m| + tv Σ |∇m|^beta + F(x seen through m), m in [0, 1], where x is blurred as far as m is 0.
    The mask has one cell every `stride` pixels, which is enlarged by a Gaussian of `spread` pixels. It is learnt by
    Adam, which starts from the smallest disc of blur in the middle that takes away 99 % of what blurring everything
    takes away. In each step the picture is rolled by a random shift of up to half of `jitter`.

    The map is 1 - m; `raw` is the mask as it was learnt, cell by cell. F is the probability of the class, so l1 and tv
    are in its unit.

    steps, rate: of Adam. value: what is shown where m is 0. blur, spread: the sigmas of Gaussians in pixels. By default
    stride is 8, blur 10, spread 5 and jitter 4 at 224 pixels. Source: Fong & Vedaldi 2017.
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
        """Return how many rows are scored or walked: one for each disc, one without a disc, and one for each step."""
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
            step = adam.step(mask, pull - self.l1 + self.tv * _rough(mask, self.beta))
            mask = clipped(step, "meaningful_perturbation", "rate, l1, tv or beta")
        # 1 - m is enlarged, and not m: so the map is exactly 0 where nothing is hidden
        return PerturbationResult(_applied(enlarge, 1 - mask).astype(float), raw=mask)

    def _enlarge(self, row: Row) -> list[Array]:
        """Return a matrix [places, cells] for each axis of places, which enlarges the mask along it."""
        strides = [max(1, round(size)) for size in scaled(row, self.stride, STRIDE)]
        spreads = scaled(row, self.spread, SPREAD)
        return [
            gaussian_interpolation(-(-n // stride), n, spread).astype(row.x.dtype)
            for n, stride, spread in zip(places(row), strides, spreads, strict=True)
        ]


@dataclass
class Adam:
    """Gradient descent whose steps have about the length `rate`, however large the gradient is.

    betas: how much of the running means of the gradient and of its square each step keeps. taken: the steps so far.
    Source: Kingma & Ba 2015.
    """

    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    taken: int = 0
    mean: Array | float = field(default=0.0, repr=False)
    square: Array | float = field(default=0.0, repr=False)

    def step(self, x: Array, slope: Array) -> Array:
        """Return x moved by one step against its slope, in the element type of x."""
        a, b = self.betas
        self.taken += 1
        self.mean = a * self.mean + (1 - a) * slope
        self.square = b * self.square + (1 - b) * slope**2
        size = np.sqrt(self.square / (1 - b**self.taken)) + 1e-8
        return np.asarray(x - self.rate * self.mean / (1 - a**self.taken) / size, x.dtype)


def _first(row: Row, hidden: Array, enlarge: list[Array]) -> Array:
    """Return the first mask: 1, and 0 in the smallest disc that takes away 99 % of what hiding everything does."""
    cells = tuple(matrix.shape[1] for matrix in enlarge)
    axes = np.meshgrid(*[(np.arange(n) + 0.5) / n - 0.5 for n in cells], indexing="ij")
    distance = np.linalg.norm(axes, axis=0) / np.sqrt(0.25 * len(cells))
    masks = np.stack([distance > radius for radius in np.linspace(0, 1, DISCS + 1)]).astype(row.x.dtype)
    masks[0] = 1
    scores = np.concatenate([row.score(blended(row, _applied(enlarge, mask)[None], hidden)) for mask in masks])
    enough = scores <= scores[-1] + 0.01 * (scores[0] - scores[-1])
    return np.asarray(masks[enough.argmax()])


def _applied(matrices: list[Array], maps: Array) -> Array:
    """Return `maps` with one matrix applied along each axis."""
    for axis, matrix in enumerate(matrices):
        maps = along(matrix, maps, axis)
    return maps


def _rough(mask: Array, beta: float) -> Array:
    """Return the derivative of Σ |∇m|^beta with respect to m, where ∇m are the differences of neighbours."""
    total = np.zeros_like(mask)
    for axis in range(mask.ndim):
        rise = np.diff(mask, axis=axis)
        slope = beta * np.abs(rise) ** (beta - 1) * np.sign(rise)
        pads = [(1, 1) if i == axis else (0, 0) for i in range(mask.ndim)]
        total -= np.diff(np.pad(slope, pads), axis=axis)
    return total


def _of_row(row: Row, shift: list[int]) -> list[int]:
    """Return a shift along places as one along all axes of x, with 0 along the channels."""
    axis = row.channel_axis
    return shift if axis is None else [*shift[:axis], 0, *shift[axis:]]
