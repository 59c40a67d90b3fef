"""Pictures of more than 8 bits a channel, brought to 8.

A file of 16 bits seldom uses all of them: X-rays have 10 to 12, and divided by 2⁸ they would be black. The range of
such a picture is its own, 0 to 2ᵏ - 1 with the least k, 8 or more, that holds its largest value.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError

DARKEST = 15
"""The largest value of 8 bits that is left of a picture of 12 bits in 16, where the upper 8 of them are taken."""


def is_deep(image: Image.Image) -> bool:
    """Whether a grey picture has 16 bits; Pillow opens such a PNG in a mode of 32."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")


def reduced(image: Image.Image) -> tuple[Image.Image, str]:
    """Return a grey picture of 16 bits in 8, by its own range, and a note on it."""
    values = np.asarray(image)
    largest = int(values.max(initial=0))
    top = max(255, 2 ** largest.bit_length() - 1)
    scaled = np.rint(values * (255 / top)).astype(np.uint8)
    return Image.fromarray(scaled), f"16 bits reduced to 8: its largest value is {largest}, and 0..{top} became 0..255"


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an open file holds colours of 16 bits, of which Pillow reads the upper 8 as soon as it is loaded."""
    return image.mode in ("RGB", "RGBA", "LA") and any(";16" in str(each[3]) for each in getattr(image, "tile", ()))


def check_range(image: Image.Image, name: str) -> None:
    """Raise BadInputError for colours of 16 bits that are nearly black in the upper 8 of them."""
    if np.asarray(image.convert("RGB")).max(initial=0) <= DARKEST:
        raise BadInputError(
            f"{name}: colours of 16 bits that use less than a sixteenth of their range, and of which only the upper 8 "
            "bits can be read; save it in grey, where its own range is taken, or in 8 bits a channel"
        )
