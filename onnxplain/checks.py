"""Checks of parameters. Each raises UsageError, which names the parameter, for a value that makes no sense."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array


LARGEST = float(np.finfo(np.float32).max)
"""The largest number of float32, in which most engines compute."""


def whole(low: int = 1, /, **values: object) -> None:
    """Check that each value is a whole number, `low` or more."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
            raise UsageError(f"{name}={value!r}: expected a whole number, {low} or more")


def flag(**values: object) -> None:
    """Check that each value is True or False."""
    for name, value in values.items():
        if not isinstance(value, (bool, np.bool_)):
            raise UsageError(f"{name}={value!r}: expected True or False")


def seed(**values: object) -> None:
    """Check that each value can be the seed of a random generator: a whole number, 0 or more."""
    whole(0, **values)


def real(low: float = 0.0, high: float = math.inf, /, **values: object) -> None:
    """Check that each value is a finite number from `low` to `high`."""
    for name, value in values.items():
        if not low <= number(value) <= min(high, LARGEST):
            upto = "or more" if math.isinf(high) else f"to {high:g}"
            raise UsageError(f"{name}={value!r}: expected a number, {low:g} {upto}")


def number(value: object) -> float:
    """Return a value as a float: NaN for what is no number, infinity for a whole number beyond all floats."""
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.inf


def interval(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """Return two bounds as arrays of floats, and check that they are finite and that low is nowhere above high.

    Each may be a single number or, like the other one, an array.
    """
    try:
        pair = np.asarray(low), np.asarray(high)
        numbers = all(each.size and each.dtype.kind in "iuf" for each in pair)
        sound = numbers and all((abs(each.astype(float)) <= LARGEST).all() for each in pair)
        sound = sound and bool((pair[0] <= pair[1]).all())
    except ValueError:  # rows of unequal length, or not as many of one as of the other
        sound = False
    if not sound:
        raise UsageError(f"low={low!r}, high={high!r}: expected a number, or one per channel, low at most high")
    return pair[0].astype(float), pair[1].astype(float)


def sizes(axes: int, **values: object) -> None:
    """Check that each value is a size in pixels: None, a number of at least 0, or one such number for each axis."""
    for name, value in values.items():
        given = value if isinstance(value, (list, tuple)) else () if value is None else (value,) * axes
        if value is not None and len(given) != axes:
            raise UsageError(f"{name}={value!r}: expected one number, or {axes}, one for each axis")
        for each in given:
            real(**{name: each})
