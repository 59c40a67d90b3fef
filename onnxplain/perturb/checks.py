"""Parameters that do not make sense, refused by name."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from onnxplain.errors import UsageError


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
        if (
            not isinstance(value, Real)
            or isinstance(value, bool)
            or not low <= float(value) <= high
            or value == math.inf
        ):
            upto = "or more" if math.isinf(high) else f"to {high:g}"
            raise UsageError(f"{name}={value!r}: expected a number, {low:g} {upto}")


def sizes(axes: int, **values: Any) -> None:
    """Each is None, a number of pixels above 0, or one for each of the axes."""
    for name, value in values.items():
        given = value if isinstance(value, (list, tuple)) else () if value is None else (value,) * axes
        if value is not None and len(given) != axes:
            raise UsageError(f"{name}={value!r}: expected one number, or {axes}, one for each axis")
        for each in given:
            real(**{name: each})
