"""A picture file becomes an upright 8-bit picture; what had to be done to it is told in notes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
_ALPHA = ("LA", "PA", "RGBA", "RGBa")
_ORIENTATION = 0x0112  # the EXIF tag
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def decode(source: str | Path | Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """`source` as a picture of mode "L" or "RGB", and notes on what that took.

    The EXIF orientation is applied, an animation gives its first frame, 16 bits become 8, and a transparency
    is dropped, as the loaders that train classifiers do. The source picture is not changed.

    Raises BadInputError for a file that is missing, no picture, cut short, or of 32 bits (no fixed range).
    """
    name = picture_name(source)
    if isinstance(source, Image.Image):
        return _guarded(name, lambda: _upright(source, name))
    return _guarded(name, lambda: _read(Path(source), name))


def picture_name(source: str | Path | Image.Image) -> str:
    """What messages call a picture: its path, or "picture" where it has none."""
    return (getattr(source, "filename", "") or "picture") if isinstance(source, Image.Image) else str(source)


def _guarded(name: str, work: Callable[[], tuple[Image.Image, tuple[str, ...]]]) -> tuple[Image.Image, tuple[str, ...]]:
    """The result of `work`; whatever Pillow raises on a broken file becomes a BadInputError."""
    try:
        return work()
    except BadInputError:
        raise
    except UnidentifiedImageError as problem:
        raise BadInputError(
            f"{name}: not a picture that Pillow can read; expected PNG, JPEG, BMP, GIF, TIFF, WebP ..., "
            "or an array in an .npy or .npz"
        ) from problem
    except _BROKEN as problem:
        raise BadInputError(f"{name}: cannot read the picture ({problem})") from problem


def _read(path: Path, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    with path.open("rb") as file, Image.open(file) as image:
        frames = getattr(image, "n_frames", 1)
        image.seek(0)
        picture, notes = _upright(image, name)
    return picture, (*((f"first of {frames} frames",) if frames > 1 else ()), *notes)


def _upright(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    notes: list[str] = []
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright by its EXIF orientation")
    if deep:
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
        notes.append("16 bits reduced to 8")
    if image.mode not in _EIGHT_BIT:
        raise BadInputError(
            f"{name}: a picture of mode {image.mode} has no fixed range; pass an array in the model's range"
        )
    if image.mode in _ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")  # first, since Pillow warns of a palette that carries its transparency
        notes.append("transparency dropped")
    return image.convert("L" if image.mode in ("1", "L") else "RGB"), tuple(notes)
