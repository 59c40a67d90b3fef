"""Arrays of pixels: which arrays are pictures, beside a preprocessing that makes a model's input of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs.decode import Decoded, decode
from onnxplain.inputs.depth import WHITE, brightness
from onnxplain.inputs.shape import show

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs.facts import Facts
    from onnxplain.inputs.preprocess import Preprocess

CHANNELS = (1, 3, 4)
"""How many channels a picture may have: grey, colours, colours with transparency."""
_SHAPES = "[H, W], [H, W, C], [N, H, W, C] or [N, C, H, W] with a C of 1, 3 or 4"


def is_picture(array: Array, facts: Facts) -> bool:
    """Whether an array is of pixels: of uint8 or, where `facts` state a range, of other whole numbers.

    Its shape is that of pictures: [H, W], [H, W, C], [N, H, W, C] or [N, C, H, W].
    """
    ranged = facts.bits is not None or facts.window is not None
    return (array.dtype == np.uint8 or (ranged and array.dtype.kind in "iu")) and _has_shape(array)


def _has_shape(array: Array) -> bool:
    return array.ndim == 2 or (array.ndim in (3, 4) and array.shape[-1] in CHANNELS) or _channels_first(array)


def _channels_first(array: Array) -> bool:
    return array.ndim == 4 and array.shape[-1] not in CHANNELS and array.shape[1] in CHANNELS


def pictures(array: Array, name: str, facts: Facts) -> list[Decoded]:
    """Return the pictures of an array of any numbers, which is one of pixels.

    Raises BadInputError where its shape is no picture's, where it has no pixels, and where its range is unknown.
    """
    if not _has_shape(array):
        raise BadInputError(f"{name}: {array.dtype} values of shape {show(array.shape)} are no picture; {_help(array)}")
    if array.size == 0:
        raise BadInputError(f"{name}: an empty batch, of shape {show(array.shape)}; expected at least one picture")
    first = _channels_first(array)
    rows = np.moveaxis(array, 1, -1) if first else array if array.ndim == 4 else array[None]
    notes = (f"channels first, [N, C, H, W] of {show(array.shape)}",) if first else ()
    found = [_picture(row[..., 0] if row.ndim == 3 and row.shape[-1] == 1 else row, name, facts) for row in rows]
    return [each._replace(notes=(*notes, *each.notes)) for each in found]


def _picture(row: Array, name: str, facts: Facts) -> Decoded:
    """Return one picture, [H, W] or [H, W, C] of 3 or 4 channels."""
    notes: tuple[str, ...] = ()
    if facts.colour == "bgr":
        if row.ndim == 2:
            raise BadInputError(f'{name}: colour="bgr" for a grey picture of shape {show(row.shape)}; leave it out')
        row, notes = row[..., [2, 1, 0, *range(3, row.shape[-1])]], ("blue, green, red brought to red, green, blue",)
    if row.dtype == bool:
        row = row * np.uint8(WHITE)
    if row.dtype == np.uint8 and facts.window is None:
        decoded = decode(Image.fromarray(np.ascontiguousarray(row)), facts)
        return decoded._replace(notes=(*notes, *decoded.notes))
    if row.ndim == 3 and row.shape[-1] == 4:
        row, notes = row[..., :3], (*notes, "transparency dropped")
    shown, note = brightness(row, facts, name)
    if row.ndim == 3:  # colours are kept in 8 bits, as Pillow has no deeper ones
        shown = np.rint(shown).astype(np.uint8)
    return Decoded(Image.fromarray(np.ascontiguousarray(shown)), (*notes, note))


def check_range(array: Array, name: str) -> None:
    """Raise BadInputError for an array that is neither a picture nor one of floats, in the model's own range."""
    if array.dtype == np.uint8:
        raise BadInputError(
            f"{name}: uint8 values of shape {show(array.shape)} are no picture, so the preprocessing is missing; "
            f"{_help(array)}, or floats in the model's own range"
        )
    if array.dtype.kind in "iub":
        raise BadInputError(
            f"{name}: {array.dtype} values beside a preprocess may be pixels or not: pass uint8 for a picture, which "
            "is preprocessed, or floats in the model's own range, which are taken as they are; for a picture of more "
            "bits state them: Picture(array, bits=12), Picture(array, window=(centre, width)), or --bits and --window"
        )


def _help(array: Array) -> str:
    if array.ndim == 3 and array.shape[0] in CHANNELS:
        return (
            f"[C, H, W] could be one picture or {array.shape[0]} grey ones: pass x[None] for one with its channels "
            "first, or x[..., None] for grey ones"
        )
    return f"pass {_SHAPES}"


def check_bounds(array: Array, preprocess: Preprocess, name: str) -> str:
    """Return what to note of an array that is taken as it is, though the preprocessing makes another range of pictures.

    Raises BadInputError where values lie so far outside of that range that they are no preprocessed ones: ten times its
    width for floats, which may be noise around it, and once for whole numbers.
    """
    low, high = (float(f(each)) for f, each in zip((np.min, np.max), _ordered(preprocess), strict=True))
    least, most = float(array.min(initial=0)), float(array.max(initial=0))
    far = (10 if array.dtype.kind == "f" else 1) * (high - low)
    if array.dtype.kind not in "fiu" or not np.isfinite([least, most]).all():  # refused elsewhere
        return ""
    if most > high + far or least < low - far:
        raise BadInputError(
            f"{name}: values from {least:g} to {most:g}, and the preprocessing makes {low:.3g} to {high:.3g} of a "
            "picture: pass pixels as uint8 or as Picture(array, window=(centre, width)), or values that are "
            "preprocessed already"
        )
    if array.dtype.kind == "f" and least >= 0 and 0.5 < most <= 1 and not (low >= -0.1 and high <= 1.1):
        return (
            f"; its values lie in 0 to 1, and those of preprocessed pictures in {low:.3g} to {high:.3g}: for pixels "
            "from 0 to 1 pass Picture(array, window=(0.5, 1))"
        )
    return ""


def _ordered(preprocess: Preprocess) -> tuple[Array, Array]:
    """Return the lower and the upper bound of each channel; a scale below 0 swaps them."""
    black, white = preprocess.bounds()
    return np.minimum(black, white), np.maximum(black, white)
