"""The parameter `value` of the methods that perturb: what is shown in place of what they hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.hiding import BLUR, blur, check_mixable, check_places, mean, number
from onnxplain.perturb.row import scaled

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Pixels, Row

KNOWN = '"baseline", "mean", "blur" or a number'


def stand_in(row: Row, value: float | str, sigma: Pixels = None) -> Array:
    """Return an array like x [*in] that is shown instead of it.

    value: "baseline"; "mean", that of each channel; "blur", x convolved with a Gaussian of `sigma` pixels, by default
    10 at 224; or a number.
    Raises UsageError for any other value, and for a mean or a blur of token ids or of the columns of a table.
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
