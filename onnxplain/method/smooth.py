"""Smoothing of a map by a Gaussian over its spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.resample import blurred

if TYPE_CHECKING:
    from onnxplain.arrays import Array


def smooth(maps: Array, sigma: float, channel_axis: int | None) -> Array:
    """Return `maps` [N, ...] convolved with a Gaussian of `sigma` pixels, on all axes but those of batch and channels.

    The kernel sums to 1 and maps are mirrored at the border, so that the sum of a map stays. Raises UsageError for a
    negative sigma, and for maps without neighbours, such as those of a table.
    """
    checks.real(smooth=sigma)
    if sigma == 0:
        return maps
    if maps.ndim < 3:
        raise UsageError(f"smooth={sigma}: attributions of shape {maps.shape} have no neighbours to smooth over")
    channels = 1 if channel_axis is None else channel_axis
    for axis in range(1, maps.ndim):
        if axis != channels:
            maps = blurred(maps, (sigma,), axis)
    return maps
