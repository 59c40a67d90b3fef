"""Checks of the fields of `Preprocess`. Every message names the field that is wrong."""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.inputs.geometry import FILTERS
from onnxplain.inputs.shape import LAYOUTS

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


_SMALLEST = 1e-3
"""The smallest fraction of a picture that may be cut out: the picture is enlarged by its inverse first."""


def validated(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields in their own types: a list becomes a tuple, and a single number a tuple of one.

    Raises UsageError for a value that a field cannot have.
    """
    for name, allowed in (
        ("resize", tuple(FILTERS)),
        ("colour", ("rgb", "bgr", "grey", None)),
        ("layout", (*LAYOUTS, None)),
    ):
        if values[name] not in allowed:
            raise UsageError(f"{name} {values[name]!r}: expected one of {', '.join(map(repr, allowed))}")
    if values["bits"] is not None and values["window"] is not None:
        raise UsageError("bits and window both state the range of a picture; give one of them")
    return values | {
        "size": _size("size", values["size"]),
        "default_size": _size("default_size", values["default_size"]),
        "crop": _crop(values["crop"]),
        "scale": _positive("scale", values["scale"]),
        "mean": _per_channel("mean", values["mean"]),
        "std": tuple(_positive("std", v) for v in _per_channel("std", values["std"])),
        "dtype": _dtype(values["dtype"]),
        "bits": bits_of(values["bits"]),
        "window": window_of(values["window"]),
        "frame": frame_of(values["frame"]),
    }


def bits_of(value: object) -> int | None:
    """Return how many bits of a number are used, a whole number from 1 to 32, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= 32:
        raise UsageError(f"bits {value!r}: expected a whole number from 1 to 32")
    return int(value)


def window_of(value: object) -> tuple[float, float] | None:
    """Return (centre, width) of a window, or None."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UsageError(f"window {value!r}: expected (centre, width)")
    return _number("window", value[0]), _positive("window", value[1])


def frame_of(value: object) -> int | None:
    """Return the number of a frame, from 0, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 0:
        raise UsageError(f"frame {value!r}: expected a whole number, 0 or more")
    return int(value)


def channels(found: int | None, colour: str, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Raise UsageError where the colours, means or deviations are for another number of channels than `found`.

    found: the number of channels of the model's input; None where it is dynamic.
    """
    given = 1 if colour == "grey" else 3
    if found not in (None, given):
        raise UsageError(f"colour {colour!r} gives {given} channels, the model's input has {found}; change colour")
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, given):
            raise UsageError(f"{name} has {len(values)} values, colour {colour!r} gives {given} channels; pass {given}")


def element_type(dtype: str, *, raw: bool) -> None:
    """Raise UsageError where an input of whole numbers would round normalised pixels away.

    raw: whether pixels go in as they are.
    """
    if np.issubdtype(np.dtype(dtype), np.integer) and not raw:
        raise UsageError(f'the model takes {dtype} pixels: scale, mean and std do not apply; use preprocess="raw"')


def _size(name: str, value: object) -> tuple[int, int] | None:
    """Return (height, width) from a pair, or from one number for both."""
    if value is None:
        return None
    pair = (value, value) if isinstance(value, Integral) else value
    if (
        not isinstance(pair, (list, tuple))
        or len(pair) != 2
        or any(isinstance(v, bool) or not isinstance(v, Integral) or v < 1 for v in pair)
    ):
        raise UsageError(f"{name} {value!r}: expected [height, width], whole numbers above 0")
    return int(pair[0]), int(pair[1])


def _crop(value: object) -> float | tuple[int, int] | None:
    """Return what the field `crop` may be: a fraction up to 1, a short side in pixels, or (height, width)."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return _size("crop", value)
    crop = _positive("crop", value)
    if crop < _SMALLEST or (crop > 1 and crop != int(crop)):
        raise UsageError(
            f"crop {value!r}: expected a fraction up to 1, a short side in whole pixels, or [height, width]"
        )
    return crop


def _positive(name: str, value: object) -> float:
    number = _number(name, value)
    if number <= 0:
        raise UsageError(f"{name} {value!r}: expected a number above 0")
    return number


def _per_channel(name: str, value: object) -> tuple[float, ...]:
    """Return one number for all channels, or three."""
    values = value if isinstance(value, (list, tuple)) else (value,)
    if len(values) not in (1, 3):
        raise UsageError(f"{name} {value!r}: expected 1 or 3 numbers")
    return tuple(_number(name, v) for v in values)


def _number(name: str, value: object) -> float:
    found = checks.number(value)
    if not math.isfinite(found):
        raise UsageError(f"{name} {value!r}: expected a finite number")
    return found


def _dtype(value: DTypeLike) -> str:
    try:
        return str(np.dtype(value).name)
    except TypeError as problem:
        raise UsageError(f"dtype {value!r}: expected the name of a NumPy type such as float32") from problem
