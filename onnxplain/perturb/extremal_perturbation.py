"""Extremal perturbation: the smooth region of a given area that alone keeps the score highest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.learnt import check_grid, clipped, of_every_channel
from onnxplain.perturb.row import PerturbationResult, every_channel, places, scaled
from onnxplain.perturb.smooth_mask import SmoothMask

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row

T = TypeVar("T")

STEP, SIGMA, BLUR = 7, 21.0, 20.0
"""In pixels, for pictures of 224 pixels a side: the distance between the cells of the mask, the size of the disc that a
cell becomes, and the sigma of the strongest blur."""
MOMENTUM = 0.9
"""How much of its speed the gradient ascent keeps from one step to the next."""


@dataclass(frozen=True)
class ExtremalPerturbation:
    """The smooth region of each given area that alone keeps the score highest.

    m = argmax F(x seen through m) - weight · mean (vecsort(m) - r_a)² for an area a, a share of the picture. vecsort(m)
    are the values of the mask in ascending order, and r_a is 0 for the share 1 - a of them and 1 for the others: the
    term presses the mask into a region of that area. The mask is a maximum of soft discs of `sigma` pixels around cells
    that lie `step` pixels apart (see `SmoothMask`). Where the mask is lower, x is blurred more, in `levels` from none
    to `blur` pixels. The cells are learnt by gradient ascent with momentum; the weight grows by the factor `growth` in
    each step, and every other step sees the picture mirrored where `flip` is true.

    The map is the mean of the masks; `raw` holds one mask for each area.

    areas: shares of the picture, 0 to 1. rate: of the ascent. By default step is 7, sigma 21 and blur 20 at 224 pixels.
    Source: Fong et al. 2019.
    """

    areas: tuple[float, ...] = (0.1,)
    steps: int = 800
    rate: float = 0.01
    weight: float = 300.0
    growth: float = 1.0035
    step: int | None = None
    sigma: float | None = None
    blur: float | None = None
    levels: int = 8
    flip: bool = True
    random_seed: ClassVar[int] = 0
    learns: ClassVar[int] = 2

    def __post_init__(self) -> None:
        checks.whole(steps=self.steps)
        checks.whole(2, levels=self.levels)
        checks.flag(flip=self.flip)
        checks.real(rate=self.rate, weight=self.weight, growth=self.growth)
        given = self.areas if isinstance(self.areas, (list, tuple)) else (self.areas,)
        if not given:
            raise UsageError(f"areas={self.areas!r}: expected at least one share of the picture")
        for area in given:
            checks.real(0, 1, areas=area)
        object.__setattr__(self, "areas", tuple(given))

    def count(self, row: Row) -> int:  # noqa: ARG002
        """Return how many rows are walked: one for each step and area."""
        return self.steps * len(self.areas)

    def explain(self, row: Row) -> PerturbationResult:
        """Learn the masks of all areas side by side."""
        check_grid("extremal_perturbation", self.learns, row.x.shape, row.channel_axis)
        checks.sizes(len(places(row)), step=self.step, sigma=self.sigma, blur=self.blur)
        generator, pyramid = self._mask(row), self._pyramid(row)
        cells = np.ones((len(self.areas), *generator.cells), np.float32)
        speed, weight = np.zeros_like(cells), self.weight
        for t in range(self.steps):
            masks, parts = zip(*map(generator, cells), strict=True)
            seen, slopes = _seen(row, pyramid, np.stack(masks).reshape(-1, *places(row)))
            mirrored = self.flip and t % 2 == 0
            gains = self._gains(row, seen, slopes, mirrored=mirrored).reshape(-1, *generator.size)
            gains -= np.stack([weight * _out_of(mask, area) for mask, area in zip(masks, self.areas, strict=True)])
            ascent = np.stack([generator.adjoint(gain, part) for gain, part in zip(gains, parts, strict=True)])
            speed = MOMENTUM * speed + (1 - MOMENTUM if t else 1) * ascent
            cells = clipped(cells + np.float32(self.rate) * speed, "extremal_perturbation", "rate, weight or growth")
            weight *= self.growth
        final = np.stack([generator(each)[0] for each in cells]).reshape(-1, *places(row))
        return PerturbationResult(final.mean(0, dtype=float), raw=final)

    def _gains(self, row: Row, seen: Array, slopes: Array, *, mirrored: bool) -> Array:
        """Return the derivative of F with respect to the masks [areas, *places].

        seen: the rows [areas, *in] that are seen through the masks. slopes: their derivative with respect to the masks.
        """
        axis = seen.ndim - 1 if row.channel_axis != row.x.ndim - 1 else seen.ndim - 2
        rows = np.flip(seen, axis) if mirrored else seen
        slope = row.gradient(np.ascontiguousarray(rows))[1]
        return of_every_channel(row, (np.flip(slope, axis) if mirrored else slope) * slopes)

    def _mask(self, row: Row) -> SmoothMask:
        """Return the mask over the one or two axes of places that are longer than 1."""
        height, width = (1, *_long(row, places(row)))[-2:]
        # a picture that is smaller than a step has a single cell
        step = min(max(1, round(min(_long(row, scaled(row, self.step, STEP))))), max(height, width))
        sigma = min(_long(row, scaled(row, self.sigma, SIGMA)))
        if sigma > max(height, width):
            raise UsageError(f"sigma={self.sigma!r}: a disc larger than the input, of {height}x{width} places")
        return SmoothMask((height, width), step, max(float(sigma), 1.0))

    def _pyramid(self, row: Row) -> Array:
        """Return x blurred at each level, [levels, *in], from the strongest blur to x itself."""
        strongest = scaled(row, self.blur, BLUR)
        shares = 1 - np.arange(self.levels - 1) / (self.levels - 1)
        blurs = [stand_in(row, "blur", tuple(share * width for width in strongest)) for share in shares]
        return np.stack([*blurs, row.x])


def _long(row: Row, values: tuple[T, ...]) -> tuple[T, ...]:
    """Return those of the values, one for each axis of places, whose axis is longer than 1."""
    return tuple(value for value, n in zip(values, places(row), strict=True) if n > 1)


def _seen(row: Row, pyramid: Array, masks: Array) -> tuple[Array, Array]:
    """Return x seen through masks [n, *places], and its derivative with respect to the masks, [n, *in] both.

    A mask's value chooses a level of the pyramid, 0 the first and 1 the last; between two levels x is interpolated.
    """
    at = np.clip(masks, 0, 1) * (len(pyramid) - 1)
    low = np.minimum(at.astype(int), len(pyramid) - 2)
    index = np.broadcast_to(every_channel(row, low), (len(masks), *row.x.shape))
    below, above = (np.take_along_axis(pyramid, index + i, 0) for i in (0, 1))
    rise = above - below
    return below + every_channel(row, (at - low).astype(rise.dtype)) * rise, rise * (len(pyramid) - 1)


def _out_of(mask: Array, area: float) -> Array:
    """Return the derivative of mean (vecsort(m) - r_a)² with respect to the mask m."""
    flat = mask.ravel()
    order = flat.argsort(kind="stable")
    wanted = np.arange(flat.size) >= int(flat.size * (1 - area))
    slope = np.empty_like(flat)
    slope[order] = 2 * (flat[order] - wanted) / flat.size
    return slope.reshape(mask.shape)
