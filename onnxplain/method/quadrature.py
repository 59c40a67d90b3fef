"""Points and weights of Gauss-Legendre quadrature, at which a path is walked."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxplain.arrays import Array

_DENSE = 256
"""Up to so many points are the eigenvalues of a matrix, for which NumPy takes time as their cube, and memory as their
square."""
_ROUNDS = 10
"""Newton's method has converged long before so many steps."""


@lru_cache(maxsize=16)
def legendre(count: int) -> tuple[Array, Array]:
    """Return `count` points in 0..1 in rising order, and their weights, which sum to 1."""
    points, weights = np.polynomial.legendre.leggauss(count) if count <= _DENSE else _newton(count)
    return (points + 1) / 2, weights / 2


def _newton(n: int) -> tuple[Array, Array]:
    """Return the roots of the Legendre polynomial of degree n and their weights, in time n² and memory n.

    Newton's method starts from Tricomi's formula, whose error is of the order of 1/n⁴. The weight of a root x is
    2 / ((1 - x²) P'ₙ(x)²). Source: Abramowitz & Stegun 1964, 22.16.6 and 25.4.29.
    """
    places = np.arange(n, 0, -1)
    x = (1 - (n - 1) / (8 * n**3)) * np.cos(np.pi * (places - 0.25) / (n + 0.5))
    for _ in range(_ROUNDS):
        value, slope = _polynomial(x, n)
        step = value / slope
        x -= step
        if np.abs(step).max() < np.finfo(x.dtype).eps:
            break
    x = (x - x[::-1]) / 2  # they are symmetric about 0
    _, slope = _polynomial(x, n)
    weights = 2 / ((1 - x * x) * slope * slope)
    return x, weights * (2 / weights.sum())


def _polynomial(x: Array, n: int) -> tuple[Array, Array]:
    """Return the Legendre polynomial of degree n at x, and its derivative there."""
    before, value = np.ones_like(x), x
    for degree in range(2, n + 1):
        before, value = value, ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
    return value, n * (x * value - before) / (x * x - 1)
