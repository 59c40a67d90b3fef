"""The parameter `value` of the methods that perturb: what is shown in place of what they hide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.hiding import BLUR, blur, check_mixable, check_places, mean, number
from onnxplain.perturb.row import scaled

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row

KNOWN = '"baseline", "mean", "blur" or a number'


def stand_in(row: Row, value: float | str, sigma: Any = None) -> Array:
    """An array like x to be seen instead of it.

    value: "baseline"; "mean", of each channel; "blur", by a Gaussian of `sigma` pixels (10 at 224); or a number.
    Raises UsageError for another word, and for a mean or a blur of ids or of the columns of a table.
    """
    word = value if isinstance(value, str) else None
    if word == "baseline":
        return row.baseline
    if word not in ("mean", "blur"):
        return number(row.x, value, KNOWN)
    check_mixable(row.x, f"value={value!r}")
    check_places(row.x, f"value={value!r}")
    if word == "mean":
        return mean(row.x, row.channel_axis)
    return blur(row.x, row.channel_axis, scaled(row, sigma, BLUR))
