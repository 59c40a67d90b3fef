"""Arrays of pixels: which arrays are pictures, beside a preprocessing that makes a model's input of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs.shape import show

if TYPE_CHECKING:
    from onnxplain.arrays import Array

CHANNELS = (1, 3, 4)
"""How many channels a picture may have on its last axis: grey, colours, colours with transparency."""


def is_picture(array: Array) -> bool:
    """Whether an array is of uint8 and has a shape of pictures: [H, W], [H, W, C], or [N, H, W, C]."""
    flat = array.ndim == 2
    return array.dtype == np.uint8 and (flat or (array.ndim in (3, 4) and array.shape[-1] in CHANNELS))


def pictures(array: Array, name: str) -> list[Image.Image]:
    """Return the pictures of an array of which `is_picture` is true. Raises BadInputError where it has no pixels."""
    if array.size == 0:
        raise BadInputError(f"{name}: an empty batch, of shape {show(array.shape)}; expected at least one picture")
    rows = array if array.ndim == 4 else array[None]
    return [Image.fromarray(row[..., 0] if row.ndim == 3 and row.shape[-1] == 1 else row) for row in rows]


def check_range(array: Array, name: str) -> None:
    """Raise BadInputError for an array that is neither a picture nor one of floats, in the model's own range."""
    if array.dtype == np.uint8:
        raise BadInputError(
            f"{name}: uint8 values of shape {show(array.shape)} are no picture, so the preprocessing is missing: pass "
            f"[H, W], [H, W, C] or [N, H, W, C] with a C of {', '.join(map(str, CHANNELS))}, or floats in the model's "
            "own range"
        )
    if array.dtype.kind in "iub":
        raise BadInputError(
            f"{name}: {array.dtype} values beside a preprocess may be pixels or not: pass uint8 for a picture, which "
            "is preprocessed, or floats in the model's own range, which are taken as they are"
        )
