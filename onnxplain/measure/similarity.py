"""How large a map is, and how alike two maps are: norm, rank correlation and structural similarity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from onnxplain.arrays import Array


WINDOW = 7
"""The side in pixels of the windows that structural similarity compares."""


def norm(values: Array) -> float:
    """Return the 2-norm over all elements: the square root of the sum of their squares."""
    return float(np.sqrt((values**2).sum()))


def spearman(a: Array, b: Array) -> float:
    """Return Spearman's rank correlation of two maps of one shape, -1..1; 0 where a map is constant.

    It is Pearson's correlation of the ranks, where equal values share the mean of their ranks.
    """
    x, y = _ranks(a.ravel()), _ranks(b.ravel())
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / size) if size else 0.0


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def ssim(a: Array, b: Array) -> float:
    """Return the structural similarity, -1..1, of two planes with values in 0..1: the mean over all windows of 7 x 7.

    (2 μa μb + c₁)(2 σab + c₂) / ((μa² + μb² + c₁)(σa² + σb² + c₂)) with the means μ, the unbiased variances σ² and the
    covariance σab in a window, and c₁ = 0.01², c₂ = 0.03². The window is smaller where the plane is smaller than it.
    Source: Wang et al. 2004.
    """
    side = min(WINDOW, *(n - 1 + n % 2 for n in a.shape))
    n = side**a.ndim

    def mean(values: Array) -> Array:
        return np.asarray(sliding_window_view(values, (side,) * a.ndim).mean(tuple(range(a.ndim, 2 * a.ndim))))

    ma, mb, scale = mean(a), mean(b), n / max(n - 1, 1)
    va, vb, cov = (scale * (mean(p * q) - mean(p) * mean(q)) for p, q in ((a, a), (b, b), (a, b)))
    c1, c2 = 0.01**2, 0.03**2
    return float(((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def unit(values: Array) -> Array:
    """Return |values| divided by their maximum, so that they lie in 0..1; a map of zeros stays."""
    size = np.abs(values)
    return np.asarray(size / (size.max() or 1.0))
