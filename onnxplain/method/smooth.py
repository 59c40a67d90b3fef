"""Gaussian smoothing of a map over its spatial axes, separable, mirrored at the border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.resample import blurred

if TYPE_CHECKING:
    from onnxplain.arrays import Array


def smooth(maps: Array, sigma: float, channel_axis: int | None) -> Array:
    """`maps` [N, ...] convolved with a Gaussian of `sigma` pixels on every axis but the batch's and the channels'.

    The kernel sums to 1 and the border is mirrored, so a map's sum is kept.
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
