"""Parameters that do not make sense, refused by name."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from onnxplain.arrays import Array


LARGEST = float(np.finfo(np.float32).max)
"""A number beyond is no finite one for an engine."""


def whole(low: int = 1, /, **values: Any) -> None:
    """Each is a whole number, `low` or more."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
            raise UsageError(f"{name}={value!r}: expected a whole number, {low} or more")


def flag(**values: Any) -> None:
    """Each is True or False."""
    for name, value in values.items():
        if not isinstance(value, (bool, np.bool_)):
            raise UsageError(f"{name}={value!r}: expected True or False")


def seed(**values: Any) -> None:
    """Each is a whole number, 0 or more, that random numbers can start from."""
    whole(0, **values)


def real(low: float = 0.0, high: float = math.inf, **values: Any) -> None:
    """Each is a number from low to high."""
    for name, value in values.items():
        if not low <= _number(value) <= min(high, LARGEST):
            upto = "or more" if math.isinf(high) else f"to {high:g}"
            raise UsageError(f"{name}={value!r}: expected a number, {low:g} {upto}")


def _number(value: Any) -> float:
    """As a float; NaN for what is no number."""
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.inf


def interval(low: Any, high: Any) -> tuple[Array, Array]:
    """The two as arrays of floats: finite numbers, one each or several in the same places, low at most high."""
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


def sizes(axes: int, **values: Any) -> None:
    """Each is None, a number of pixels above 0, or one for each of the axes."""
    for name, value in values.items():
        given = value if isinstance(value, (list, tuple)) else () if value is None else (value,) * axes
        if value is not None and len(given) != axes:
            raise UsageError(f"{name}={value!r}: expected one number, or {axes}, one for each axis")
        for each in given:
            real(**{name: each})
