"""Gaussian smoothing of a map over its spatial axes, separable, mirrored at the border."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from onnxplain.errors import UsageError

Array = np.ndarray[Any, Any]
TRUNCATE = 4.0
"""The kernel ends at this many sigmas."""


def smooth(maps: Array, sigma: float, channel_axis: int | None) -> Array:
    """`maps` [N, ...] convolved with a Gaussian of `sigma` pixels on every axis but the batch's and the channels'.

    The kernel sums to 1 and the border is mirrored, so a map's sum is kept.
    """
    if sigma < 0 or not math.isfinite(sigma):
        raise UsageError(f"smooth={sigma}: expected a number of pixels, 0 or more")
    if sigma == 0:
        return maps
    if maps.ndim < 3:
        raise UsageError(f"smooth={sigma}: attributions of shape {maps.shape} have no neighbours to smooth over")
    channels = 1 if channel_axis is None else channel_axis
    for axis in range(1, maps.ndim):
        if axis != channels:
            maps = _along(maps, sigma, axis)
    return maps


def _along(maps: Array, sigma: float, axis: int) -> Array:
    reach = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(maps.dtype)
    pads = [(reach, reach) if i == axis else (0, 0) for i in range(maps.ndim)]
    padded, size = np.pad(maps, pads, mode="symmetric"), maps.shape[axis]
    shifted = (padded.take(range(i, i + size), axis) * weight for i, weight in enumerate(weights))
    return np.asarray(sum(shifted))
