"""Noisy linear imputation: removed pixels are guessed from those beside them, so that little is left to see of the gap.

Each removed pixel is the weighted mean of its eight neighbours, by 1/6 for those along the axes and 1/12 for those
across, removed ones among them: a system of linear equations. Beyond the edge there is no neighbour, and the weights of
the others grow to sum to 1. Source: Rong et al. 2022.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.resample import resized

if TYPE_CHECKING:
    from onnxplain.arrays import Array

TOLERANCE = 1e-4
"""How far the equations may be from holding, as a part of the right side; the noise is a hundred times as large."""
COARSEST = 8
"""A side of fewer pixels is not halved any further."""


def imputed(x: Array, removed: Array) -> Array:
    """Return planes x [C, H, W] in float64, with the pixels `removed` [H, W] as the mean of their neighbours.

    All removed: there is nothing to guess from, and each plane becomes its mean.
    """
    values = x.astype(np.float64)
    if removed.all():
        return np.broadcast_to(values.mean((1, 2), keepdims=True), values.shape).copy()
    if not removed.any():
        return values
    known = np.where(removed, 0.0, values)
    total = neighbours(np.ones((1, *removed.shape)))  # less than 1 at the edges
    return np.asarray(known + _solved(removed, total, neighbours(known), removed * _guess(known, removed)))


def _guess(known: Array, removed: Array) -> Array:
    """Return a first guess: the same at half the size, enlarged, as wide gaps take many steps at full size."""
    height, width = removed.shape
    if min(height, width) < COARSEST:
        return np.broadcast_to(known.sum((1, 2), keepdims=True) / (~removed).sum(), known.shape)
    pads = (0, height % 2), (0, width % 2)
    count = _by_blocks(np.pad(~removed, pads)[np.newaxis])
    means = _by_blocks(np.pad(known, ((0, 0), *pads))) / np.maximum(count, 1)
    half = resized(imputed(means, count[0] == 0), [height + pads[0][1], width + pads[1][1]])
    return half[:, :height, :width]


def _by_blocks(planes: Array) -> Array:
    """Return the sums over blocks of 2 x 2 pixels."""
    planes = planes.astype(np.float64)
    return np.asarray(sum(planes[:, y::2, x::2] for y, x in product((0, 1), repeat=2)))


def neighbours(planes: Array) -> Array:
    """Return the weighted sum of each pixel's neighbours; those beyond the edge count 0.

    The weights, with 1/3 for the pixel itself, are those of (1, 2, 1)/12 along one axis and (1, 2, 1) along the other.
    """
    return np.asarray((_three(_three(planes, 1), 2) - 4 * planes) / 12)


def _three(planes: Array, axis: int) -> Array:
    """Return 2 x plus the elements before and behind each x along an axis."""
    moved = np.moveaxis(planes, axis, 0)
    found = 2.0 * moved
    found[1:] += moved[:-1]
    found[:-1] += moved[1:]
    return np.moveaxis(found, 0, axis)


def _solved(removed: Array, total: Array, right: Array, u: Array) -> Array:
    """Return the planes, 0 where nothing is removed, for which total u - neighbours(u) = right where it is.

    By conjugate gradients from a first guess u, preconditioned by the diagonal: the equations are symmetric and
    positive definite.
    """
    residual = removed * (right - total * u + neighbours(u))
    scaled = residual / total
    direction, energy = scaled, (residual * scaled).sum((1, 2), keepdims=True)
    enough = TOLERANCE**2 * ((removed * right) ** 2).sum((1, 2))
    for _ in range(removed.size):
        if ((residual**2).sum((1, 2)) <= enough).all():
            break
        moved = removed * (total * direction - neighbours(direction))
        along = (direction * moved).sum((1, 2), keepdims=True)
        step = np.divide(energy, along, out=np.zeros_like(energy), where=along > 0)
        u, residual = u + step * direction, residual - step * moved
        scaled = residual / total
        last, energy = energy, (residual * scaled).sum((1, 2), keepdims=True)
        direction = scaled + np.divide(energy, last, out=np.zeros_like(energy), where=last > 0) * direction
    return u
