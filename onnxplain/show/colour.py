"""The colour map: blue below zero, white at zero, red above, equally strong on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import BadInputError, NumericalError

if TYPE_CHECKING:
    from onnxplain.arrays import Array


NEGATIVE, POSITIVE = (33, 102, 172), (178, 24, 43)
"""The colours of full strength, RGB. They are about equally dark, and people with any common colour blindness can tell
them apart."""
PERCENTILE = 99.0
"""Full strength begins at this percentile of |R|, where no other value is given."""

_GREY = (0.299, 0.587, 0.114)
"""How much red, green and blue count for the brightness of a pixel (ITU-R BT.601)."""
_FADED = (190, 255)
"""The range of the grey picture under an overlay: it is light, so that zero relevance is nearly white, as in a map."""


def robust_maximum(relevance: Array, percentile: float = PERCENTILE) -> float:
    """Return the 99th percentile of |R|: scaled by it, one very hot pixel does not make all others look pale.

    Where the percentile is 0 although some relevance is not, since fewer than 1 % of the pixels have any, it is the
    maximum of |R|. Raises NumericalError for NaN or Inf.
    """
    size = np.abs(relevance)
    if not np.isfinite(size).all():
        raise NumericalError("the relevance contains NaN or Inf and cannot be shown")
    return float(np.percentile(size, percentile) or size.max()) if size.size else 0.0


def colours(values: Array) -> Array:
    """Return the colours of `values` in -1..1, uint8 RGB [..., 3]: white at 0, linear to blue at -1 and red at 1."""
    strength = np.abs(values).clip(0, 1)[..., None]
    end = np.where((values < 0)[..., None], np.array(NEGATIVE), np.array(POSITIVE))
    return _as_pixels(255 + strength * (end - 255))


def heatmap(relevance: Array, vmax: float | None = None) -> Array:
    """Return the colours of `relevance` [H, W], uint8 RGB [H, W, 3].

    vmax: the |R| of full colour; None takes the robust maximum.
    """
    return colours(_scaled(relevance, vmax))


def overlay(image: Array, relevance: Array, vmax: float | None = None) -> Array:
    """Return the heatmap laid over a faded grey version of `image`, uint8 RGB [H, W, 3], with an opacity of |R| / vmax.

    image: uint8 RGB [H, W, 3]. relevance: [H, W]. vmax: as of `heatmap`. Raises BadInputError where the sizes differ.
    """
    if image.shape[:2] != relevance.shape:
        raise BadInputError(f"a picture of {image.shape[:2]} pixels does not fit a relevance of {relevance.shape}")
    scaled = _scaled(relevance, vmax)
    grey = (image[..., :3] @ np.array(_GREY))[..., None] / 255
    faded = _FADED[0] + grey * (_FADED[1] - _FADED[0])
    opacity = np.abs(scaled)[..., None]
    return _as_pixels(faded + opacity * (colours(np.sign(scaled)) - faded))


def _as_pixels(values: Array) -> Array:
    return np.rint(values).astype(np.uint8, copy=False)


def _scaled(relevance: Array, vmax: float | None) -> Array:
    """Return R / vmax cut to -1..1; 0 where all of R is 0."""
    top = robust_maximum(relevance) if vmax is None else vmax
    return (relevance / top).clip(-1, 1) if top > 0 else np.zeros(relevance.shape)
