"""What is seen where a place is hidden."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.perturb.row import is_table, scaled
from onnxplain.resample import blurred

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row

BLUR = 10.0
"""Sigma in pixels of the blur, at 224 pixels."""
KNOWN = '"baseline", "mean", "blur" or a number'


def stand_in(row: Row, value: float | str, sigma: Any = None) -> Array:
    """An array like x to be seen instead of it.

    value: "baseline"; "mean", of each channel; "blur", by a Gaussian of `sigma` pixels (10 at 224); or a number.
    Raises UsageError for another word, and for a mean or a blur of ids or of the columns of a table.
    """
    x = row.x
    word = value if isinstance(value, str) else None
    if word == "baseline":
        return row.baseline
    if word not in ("mean", "blur"):
        return _number(x, value)
    check_mixable(row, f"value={value!r}")
    if is_table(row):
        raise UsageError(f"value={value!r}: the columns of a table have nothing in common; give baseline= or a number")
    axes = [axis for axis in range(x.ndim) if axis != row.channel_axis]
    fine = x.astype(np.float32) if x.dtype.kind != "f" else x
    if value == "mean":
        return like(np.broadcast_to(fine.mean(tuple(axes), keepdims=True), x.shape), x)
    for axis, width in zip(axes, scaled(row, sigma, BLUR), strict=True):
        fine = blurred(fine, (width,), axis)
    return like(fine, x)


def _number(x: Array, value: Any) -> Array:
    """An array like x of one number, which x's type has to hold."""
    if not isinstance(value, Real) or not math.isfinite(value):
        raise UsageError(f"value={value!r}: expected {KNOWN}")
    number, whole = float(value), x.dtype.kind in "iu"
    bounds = np.iinfo(x.dtype) if whole else np.finfo(x.dtype)
    if not bounds.min <= number <= bounds.max or (whole and not number.is_integer()):
        raise UsageError(f"value={value!r}: the input holds {x.dtype}, which has no such number")
    return np.full_like(x, number)


def check_mixable(row: Row, what: str) -> None:
    """Refuse to mix values of x that are ids: whole numbers of more than 8 bits."""
    dtype = row.x.dtype
    if dtype.kind != "f" and dtype.itemsize > 1:
        raise UsageError(f"{what} mixes values of the input, and {dtype} values, such as token ids, do not mix")


def like(values: Array, x: Array) -> Array:
    """Values in x's dtype, rounded where it is one of whole numbers."""
    return values.astype(x.dtype) if x.dtype.kind == "f" else np.rint(values).astype(x.dtype)
