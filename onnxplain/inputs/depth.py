"""Pictures of more than 8 bits a channel: which of their numbers is black, and which white.

A file of 16 bits seldom uses all of them: X-rays have 10 to 12, and divided by 2⁸ they would be black. The range can
be stated, by `bits` or by a `window`. Without that, the range of a grey picture is its own, 0 to 2ᵏ - 1 with the
least k, 8 or more, that holds its largest value; it may differ from picture to picture, so a note tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.inputs.facts import Facts

DARKEST = 15
"""The largest value of 8 bits that is left of a picture of 12 bits in 16, where the upper 8 of them are taken."""
WHITE = 255.0
"""What the largest number of a range becomes; the smallest becomes 0."""


def is_deep(image: Image.Image) -> bool:
    """Whether a grey picture has 16 bits; Pillow opens such a PNG in a mode of 32."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", None))


def windowed(values: Array, window: tuple[float, float], function: str = "LINEAR") -> Array:
    """Return numbers as brightness from 0 to 255, float32, by a window of DICOM (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    window: the centre c and the width w. function:
        LINEAR        y = 255 ((x - (c - 0.5)) / (w - 1) + 0.5), for whole numbers: w of them are neither cut off at
                      the bottom nor at the top; (2048, 4096) is the range of 12 bits
        LINEAR_EXACT  y = 255 ((x - c) / w + 0.5)
        SIGMOID       y = 255 / (1 + exp(-4 (x - c) / w))
    """
    centre, width = window
    x = np.asarray(values, np.float64)
    if function == "SIGMOID":
        return np.asarray(WHITE / (1 + np.exp((-4 * (x - centre) / width).clip(-700, 700))), np.float32)
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return np.where(x > centre, np.float32(WHITE), np.float32(0))
    return np.asarray((WHITE * ((x - centre) / width + 0.5)).clip(0, WHITE), np.float32)


def brightness(values: Array, facts: Facts, name: str, bits: int = 0) -> tuple[Array, str]:
    """Return numbers as brightness from 0 to 255, float32, and a note on the range that was taken.

    values: of a picture, whole numbers or floats. bits: of the values as they are kept; 0 for other than 16 bits.
    Raises BadInputError where nothing states the range and none can be found, or a value lies outside of the bits.
    """
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    whole = values.dtype.kind in "iub"
    if not np.isfinite([low, high]).all():
        raise BadInputError(f"{name}: the picture holds NaN or Inf, which have no brightness")
    if facts.window is not None:
        centre, width = facts.window
        shown = windowed(values, facts.window, "LINEAR" if whole else "LINEAR_EXACT")
        return shown, f"window of centre {centre:g} and width {width:g}{flat(shown)}"
    if facts.bits is not None and whole:
        top = 2**facts.bits - 1
        if low < 0 or high > top:
            raise BadInputError(
                f"{name}: values from {low:g} to {high:g}, and bits={facts.bits} holds 0 to {top}: state the bits that "
                "they use, or window=(centre, width)"
            )
        return np.asarray(values * (WHITE / top), np.float32), f"0..{top} became 0..255 (bits={facts.bits})"
    if bits != 16:
        raise BadInputError(
            f"{name}: {values.dtype} values from {low:g} to {high:g} have no range of their own: state it by "
            + ("bits=12, or by window=(centre, width)" if whole and low >= 0 else "window=(centre, width)")
        )
    top = max(255, 2 ** int(high).bit_length() - 1)
    note = (
        f"16 bits reduced to 8: its largest value is {high:g}, and 0..{top} became 0..255; bits= or window= states it"
    )
    return np.asarray(values * (WHITE / top), np.float32), note


def flat(shown: Array) -> str:
    """Return what has to be said of a picture that a window leaves black or white; else nothing."""
    low, high = shown.min(initial=WHITE), shown.max(initial=0)
    outside = "below" if high <= 0 else "above" if low >= WHITE else ""
    return f"; all its values lie {outside} the window" if outside and shown.size else ""


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an open file holds colours of 16 bits, of which Pillow reads the upper 8 as soon as it is loaded."""
    return image.mode in ("RGB", "RGBA", "LA") and any(";16" in str(each[3]) for each in getattr(image, "tile", ()))


def check_range(image: Image.Image, name: str) -> None:
    """Raise BadInputError for colours of 16 bits that are nearly black in the upper 8 of them."""
    if np.asarray(image.convert("RGB")).max(initial=0) <= DARKEST:
        raise BadInputError(
            f"{name}: colours of 16 bits that use less than a sixteenth of their range, and of which only the upper 8 "
            "bits can be read; save it in grey, where its own range is taken, or in 8 bits a channel, or pass its "
            "pixels as Picture(array, bits=12)"
        )
