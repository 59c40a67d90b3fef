"""What colour and how much of it a number gets.

A map of both signs has a diverging scale: blue below zero, white at zero, red above, equally strong on both sides.
A map without negative numbers, such as a saliency, a Grad-CAM or RISE, has a sequential scale from 0 on, so that no
half of the scale is empty; one without positive numbers has the diverging scale's negative half. What a map has is read
from its numbers, and not from the method's name: z+ of a score below zero is negative everywhere. What is smaller than
a millionth of the largest |R| is taken for rounding, and has no sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show.scales import DIVERGING, LEVELS, SEQUENTIAL, half, table
from onnxplain.show.style import VMAX, Style, limit

if TYPE_CHECKING:
    from onnxplain.arrays import Array

NOISE = 1e-6
"""What is smaller than this part of the largest |R| does not make a map one of both signs."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Colours of numbers from `low` to `high`, of which one may be 0; numbers beyond have the colour of the end.

    colours: uint8 RGB [255, 3], in steps of one size from low to high.
    alpha: the opacity at the largest |R|. threshold: below this |R| nothing is drawn.
    """

    colours: Array
    low: float
    high: float
    alpha: float = 0.6
    threshold: float = 0.0

    @property
    def top(self) -> float:
        """The |R| of full colour; 0 for a map of zeros."""
        return max(-self.low, self.high)

    @property
    def numbers(self) -> Array:
        """The number of each level [255]."""
        return np.linspace(self.low, self.high, LEVELS)

    @property
    def opacity(self) -> Array:
        """The opacity of each level over a picture, 0 to 1 [255]: it grows with |R|, from 0 to alpha."""
        size = np.abs(self.numbers)
        return np.asarray(self.alpha * size / (self.top or 1.0) * (size >= self.threshold))

    def levels(self, relevance: Array) -> Array:
        """Return the level of each number, uint8; that of 0 where all are 0, and below the threshold."""
        span = (self.high - self.low) or 1.0
        kept = np.where(np.abs(relevance) >= self.threshold, relevance, 0.0) if self.threshold else relevance
        return np.asarray(np.rint(((kept - self.low) * ((LEVELS - 1) / span)).clip(0, LEVELS - 1)), np.uint8)

    def heat(self, relevance: Array) -> Image.Image:
        """Return the colours of a map [H, W], opaque."""
        painted = Image.fromarray(self.levels(relevance), "L")
        painted.putpalette(self.colours.tobytes())
        return painted.convert("RGB")

    def over(self, ground: Image.Image, relevance: Array) -> Image.Image:
        """Return the colours of a map [H, W] laid over a picture of its size, with the opacity of each number."""
        painted = Image.fromarray(self.levels(relevance), "L")
        strength = painted.point([*np.rint(255 * self.opacity).astype(int).tolist(), 0])
        painted.putpalette(self.colours.tobytes())
        return Image.composite(painted.convert("RGB"), ground, strength)


def selected(relevance: Array, sign: str) -> Array:
    """Return the numbers that a choice of sign leaves. Raises NumericalError for NaN or Inf."""
    if not np.isfinite(relevance).all():
        raise NumericalError("the relevance contains NaN or Inf and cannot be shown")
    if sign == "absolute":
        return np.abs(relevance)
    return relevance if sign == "all" else np.maximum(relevance, 0) if sign == "positive" else np.minimum(relevance, 0)


def signs_of(relevance: Array) -> tuple[bool, bool]:
    """Return whether there are negative numbers, and positive ones, that are more than rounding."""
    low, high = (float(relevance.min()), float(relevance.max())) if relevance.size else (0.0, 0.0)
    least = NOISE * max(-low, high, 0.0)
    return low < -least, high > least


def scale_of(
    relevance: Array, style: Style | None = None, top: float | None = None, signs: tuple[bool, bool] | None = None
) -> Scale:
    """Return the scale of a map, of which `selected` has left what is drawn.

    top: the |R| of full colour, instead of the style's. signs: of several maps that share a scale, instead of its own.
    """
    style, size = style or Style(), np.abs(relevance)
    most = (
        limit(VMAX if style.vmax is None else style.vmax, "vmax", size) or float(size.max(initial=0.0))
        if top is None
        else top
    )
    negative, positive = signs_of(relevance) if signs is None else signs
    least = 0.0 if style.threshold is None else limit(style.threshold, "threshold", size)
    if negative and positive:
        return Scale(table(style.cmap or DIVERGING), -most, most, style.alpha, least)
    if negative:
        return Scale(half(style.cmap or DIVERGING, upper=False), -most, 0.0, style.alpha, least)
    return Scale(half(style.cmap or SEQUENTIAL, upper=True), 0.0, most, style.alpha, least)


def robust_maximum(relevance: Array, percentile: float | str = VMAX) -> float:
    """Return the 99th percentile of |R|: scaled by it, one very hot pixel does not make all others look pale.

    Where the percentile is 0 although some relevance is not, since fewer than 1 % of the pixels have any, it is the
    maximum of |R|. Raises NumericalError for NaN or Inf.
    """
    size = selected(relevance, "absolute")
    return limit(percentile if isinstance(percentile, str) else f"{percentile}%", "percentile", size) or float(
        size.max(initial=0.0)
    )


def heatmap(relevance: Array, vmax: float | None = None) -> Array:
    """Return the colours of `relevance` [H, W], uint8 RGB [H, W, 3].

    vmax: the |R| of full colour; None takes the robust maximum. Raises NumericalError for NaN or Inf.
    """
    return np.asarray(scale_of(selected(relevance, "all"), top=vmax).heat(relevance))


def overlay(image: Array, relevance: Array, vmax: float | None = None, alpha: float = 0.6) -> Array:
    """Return the heatmap laid over `image`, uint8 RGB [H, W, 3], with an opacity that grows with |R| up to `alpha`.

    image: uint8 RGB [H, W, 3]. relevance: [H, W]. vmax: as of `heatmap`. Raises BadInputError where the sizes differ.
    """
    if image.shape[:2] != relevance.shape:
        raise BadInputError(f"a picture of {image.shape[:2]} pixels does not fit a relevance of {relevance.shape}")
    scale = scale_of(selected(relevance, "all"), Style(alpha=alpha), vmax)
    return np.asarray(scale.over(Image.fromarray(np.ascontiguousarray(image[..., :3])), relevance))
