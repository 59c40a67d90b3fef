"""How like two maps of one input are: rank correlation, cosine, distance, overlap of the top positions, sign flips.

Maps are compared as float64, whatever they are stored in. Two maps with the same numbers are alike by every figure,
exactly 1 or exactly 0, also where all of their numbers are the same and a correlation has no value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onnxplain.measure.similarity import spearman

if TYPE_CHECKING:
    from onnxplain.arrays import Array

TOP = 0.1
"""The share of the positions whose overlap is compared."""


class Likeness(NamedTuple):
    """How like a map is to another one of the same shape.

    spearman: the correlation of the ranks of R, -1..1. cosine: of the angle between both, -1..1. relative_l2: the
    2-norm of the difference over that of the first map, 0 or more. overlap: the share of the tenth of the positions
    with the largest |R| that both have, 0..1. sign_flips: the share of the positions at which neither is 0 and the
    signs differ, 0..1, of those at which neither is 0.
    """

    spearman: float
    cosine: float
    relative_l2: float
    overlap: float
    sign_flips: float


SAME = Likeness(1.0, 1.0, 0.0, 1.0, 0.0)
"""A map and itself."""


def likeness(a: Array, b: Array) -> Likeness:
    """Return how like the map b is to the map a; both have one shape."""
    x, y = (np.asarray(each, np.float64).ravel() for each in (a, b))
    if np.array_equal(x, y):
        return SAME
    both = (x != 0) & (y != 0)
    flips = np.signbit(x[both]) != np.signbit(y[both])
    return Likeness(
        spearman(x, y), cosine(x, y), relative_l2(x, y), overlap(x, y), float(flips.mean()) if flips.size else 0.0
    )


def cosine(x: Array, y: Array) -> float:
    """Return x · y / (‖x‖ ‖y‖); 0 where one of the two is 0 everywhere."""
    x, y = _scaled(x), _scaled(y)
    size = math.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float(np.clip((x * y).sum() / size, -1, 1)) if size else 0.0


def relative_l2(x: Array, y: Array) -> float:
    """Return ‖y - x‖ / ‖x‖; infinite where x is 0 everywhere and y is not."""
    difference, size = float(np.linalg.norm(y - x)), float(np.linalg.norm(x))
    return difference / size if size else (math.inf if difference else 0.0)


def overlap(x: Array, y: Array, share: float = TOP) -> float:
    """Return the share of the top positions of two flat maps that both have; 1 where neither has any.

    The top positions are that share of all, rounded up, with the largest |R|; of equal ones the first count, and a
    position without relevance never does. Where one map has fewer of them, the share is of those of the other one.
    """
    first, second = (_top(np.abs(each), math.ceil(share * each.size)) for each in (x, y))
    most = max(len(first), len(second))
    return len(np.intersect1d(first, second, assume_unique=True)) / most if most else 1.0


def _top(sizes: Array, count: int) -> Array:
    first = np.argsort(-sizes, kind="stable")[:count]
    return np.asarray(first[sizes[first] > 0])


def _scaled(x: Array) -> Array:
    """Return x over its largest |x|, so that no square leaves the range of float64."""
    largest = float(np.abs(x).max(initial=0.0))
    return x / largest if largest else x
