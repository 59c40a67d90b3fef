"""Linear maps along the axes of an array: resizing by linear interpolation, and Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

PAPERS = 224
"""Pixels a side of the pictures for which papers state sizes."""
TRUNCATE = 4.0
"""A Gaussian is cut off at this many standard deviations."""

FAR = 256
"""A Gaussian that reaches further than this, in elements, is applied by Fourier transforms."""


def in_proportion(size: float, side: int) -> float:
    """Return a length that is stated for pictures of 224 pixels a side, at another side."""
    return size * side / PAPERS


def resized(maps: Array, sizes: Sequence[int]) -> Array:
    """Return `maps` with the last axes resized to `sizes` by linear interpolation, see `interpolation`.

    The two elements beside each new one are taken by themselves, so that a long axis needs no matrix.
    """
    for axis, size in enumerate(sizes, maps.ndim - len(sizes)):
        low, high, share = _beside(maps.shape[axis], size)
        behind = share.astype(maps.dtype).reshape(-1, *(1,) * (maps.ndim - axis - 1))
        maps = maps.take(low, axis) * (1 - behind) + maps.take(high, axis) * behind
    return maps


def along(matrix: Array, maps: Array, axis: int) -> Array:
    """Return `maps` with `matrix` [m, n] applied to an axis of length n, which gets the length m."""
    return np.moveaxis(np.tensordot(matrix, maps, (1, axis)), 0, axis)


def interpolation(source: int, size: int) -> Array:
    """Return the matrix [size, source] that resizes an axis by linear interpolation. Its rows sum to 1.

    The centre of the first element lies half an element behind the edge; beyond the outermost centres the value of the
    edge is repeated.
    """
    low, high, share = _beside(source, size)
    matrix = np.zeros((size, source))
    matrix[np.arange(size), low] = 1 - share
    matrix[np.arange(size), high] += share
    return matrix


def _beside(source: int, size: int) -> tuple[Array, Array, Array]:
    """Return the source's element before each of `size` elements, the next one, and the share of the next one."""
    at = np.clip((np.arange(size) + 0.5) * source / size - 0.5, 0, source - 1)
    low = np.minimum(np.floor(at).astype(int), max(source - 2, 0))
    return low, np.minimum(low + 1, source - 1), at - low


def gaussian_interpolation(source: int, size: int, sigma: float) -> Array:
    """Return the matrix [size, source] that enlarges an axis by a Gaussian around each source. Its rows sum to 1.

    sigma: the standard deviation of the Gaussian, in elements of the enlarged axis.
    """
    centres = (np.arange(source) + 0.5) * size / source
    distance = np.arange(size)[:, None] + 0.5 - centres
    exponent = -0.5 * (distance / max(sigma, 1e-6)) ** 2
    weights = np.exp(exponent - exponent.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


def blurred(maps: Array, sigmas: Sequence[float], first: int = 0) -> Array:
    """Return `maps` convolved with a Gaussian along as many axes as there are sigmas, from the axis `first` on.

    The border is mirrored, so that the sum of a map stays the same. A sigma of 0 leaves its axis as it is.
    """
    for axis, sigma in enumerate(sigmas, first):
        if sigma > 0:
            maps = _blurred(maps, sigma, axis)
    return maps


def _blurred(maps: Array, sigma: float, axis: int) -> Array:
    reach = int(TRUNCATE * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(maps.dtype)
    pads = [(reach, reach) if i == axis else (0, 0) for i in range(maps.ndim)]
    padded, size = np.pad(maps, pads, mode="symmetric"), maps.shape[axis]
    if reach > FAR:
        return _convolved(padded, weights, axis, size)
    before = (slice(None),) * axis
    found = padded[(*before, slice(0, size))] * weights[0]
    for i, weight in enumerate(weights[1:], 1):
        found += padded[(*before, slice(i, i + size))] * weight
    return np.asarray(found)


def _convolved(padded: Array, weights: Array, axis: int, size: int) -> Array:
    """Return the convolution of `padded` with `weights` along `axis`, `size` elements of it, by Fourier transforms.

    They take the time of n log n for n elements, where shifting for every weight takes that of their product.
    """
    moved = np.moveaxis(padded, axis, -1)
    whole = moved.shape[-1] + len(weights) - 1
    product = np.fft.rfft(moved.astype(np.float64), whole) * np.fft.rfft(weights.astype(np.float64), whole)
    found = np.fft.irfft(product, whole)[..., len(weights) - 1 : len(weights) - 1 + size]
    return np.moveaxis(found, -1, axis).astype(padded.dtype)
