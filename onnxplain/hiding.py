"""What is shown in place of the parts of an input that are hidden.

Methods that perturb the input and measures that judge explanations both take parts of an input away, and both need
values to put there. A function of this module takes one row `x`, without a batch axis, and returns an array of its
shape and element type; where that type holds whole numbers only, the values are rounded. `channel_axis` is the axis of
`x` that holds channels, None where it has none; the other axes hold places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.resample import blurred

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array

BLUR = 10.0
"""Standard deviation, in pixels, of the Gaussian that hides the detail of a picture with 224 pixels a side."""


def mean(x: Array, channel_axis: int | None) -> Array:
    """Return the mean of each channel at every place."""
    places = tuple(axis for axis in range(x.ndim) if axis != channel_axis)
    return like(np.broadcast_to(_floats(x).mean(places, keepdims=True), x.shape), x)


def blur(x: Array, channel_axis: int | None, sigmas: Sequence[float], dtype: DTypeLike | None = None) -> Array:
    """Return `x` convolved with a Gaussian, whose border is mirrored.

    sigmas: the standard deviation in pixels, one for each axis of places.
    dtype: the element type to compute in; by default that of `x`, or float32 where `x` holds whole numbers.
    """
    values = _floats(x) if dtype is None else x.astype(dtype)
    places = [axis for axis in range(x.ndim) if axis != channel_axis]
    for axis, sigma in zip(places, sigmas, strict=True):
        values = blurred(values, (sigma,), axis)
    return like(values, x)


def number(x: Array, value: object, expected: str) -> Array:
    """Return the number `value` at every element.

    Raises UsageError where `value` is no finite number, saying what was `expected`, or where the element type of `x`
    cannot hold it.
    """
    as_float, whole = checks.number(value), x.dtype.kind in "iu"
    if not math.isfinite(as_float):
        raise UsageError(f"value={value!r}: expected {expected}")
    bounds = np.iinfo(x.dtype) if whole else np.finfo(x.dtype)
    low, high = (bounds.min, bounds.max) if whole else (float(bounds.min), float(bounds.max))
    if not low <= as_float <= high or (whole and not as_float.is_integer()):
        raise UsageError(f"value={value!r}: the input holds {x.dtype}, which has no such number")
    return np.full_like(x, as_float)


def uniform(x: Array, low: Array, high: Array, rng: np.random.Generator) -> Array:
    """Return random values, each uniform between `low` and `high`, which broadcast on `x`."""
    return like(rng.uniform(low, high, x.shape), x)


def like(values: Array, x: Array) -> Array:
    """Return `values` in the element type of `x`, rounded where it holds whole numbers only."""
    return np.asarray(values if x.dtype.kind == "f" else np.rint(values), x.dtype)


def check_mixable(x: Array, what: str) -> None:
    """Raise UsageError where values of `x` must not be mixed: whole numbers of more than 8 bits may be token ids.

    what: what would mix them, the beginning of the message.
    """
    if x.dtype.kind != "f" and x.dtype.itemsize > 1:
        raise UsageError(f"{what} mixes values of the input, and {x.dtype} values, such as token ids, do not mix")


def check_places(x: Array, what: str) -> None:
    """Raise UsageError where `x` is a row of a table: its columns have neither a common mean nor neighbours.

    what: what would combine them, the beginning of the message.
    """
    if x.ndim == 1:
        raise UsageError(f'{what}: the columns of a table have nothing in common; take "baseline"')


def _floats(x: Array) -> Array:
    return x if x.dtype.kind == "f" else x.astype(np.float32)
