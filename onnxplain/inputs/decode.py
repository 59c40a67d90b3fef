"""A picture file becomes an upright picture of 8 bits a channel; notes say what was done to it."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.files import read_bytes
from onnxplain.inputs.depth import check_range, is_deep, is_deep_colour, reduced
from onnxplain.inputs.geometry import check_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

# modes of Pillow
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
_ALPHA = ("LA", "PA", "RGBA", "RGBa")
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held


class Decoded(NamedTuple):
    """A picture of the mode "L" (grey) or "RGB", and notes on what was done to it.

    sha256: of the bytes of the file that it was read from; None for a picture that was in memory.
    """

    picture: Image.Image
    notes: tuple[str, ...]
    sha256: str | None = None


def decode(source: str | Path | Image.Image) -> Decoded:
    """Return `source` as an upright picture of 8 bits.

    The EXIF orientation is applied, an animation gives its first frame, 16 bits become 8 by the picture's own range,
    and transparency is dropped, as in the loaders that classifiers are trained with. The source is not changed.

    Raises BadInputError for a file that is missing, no picture or cut short, and for a picture of 32 bits, whose values
    have no fixed range.
    """
    name = picture_name(source)
    if isinstance(source, Image.Image):
        return _guarded(name, lambda: _upright(source, name))
    return _guarded(name, lambda: _read(Path(source), name))


def picture_name(source: str | Path | Image.Image) -> str:
    """Return what messages call a picture: its path, or "picture" where it has none."""
    return (getattr(source, "filename", "") or "picture") if isinstance(source, Image.Image) else str(source)


def _guarded(name: str, work: Callable[[], Decoded]) -> Decoded:
    """Return the result of `work`; what Pillow raises on a broken file becomes a BadInputError with the `name`."""
    try:
        return work()
    except OnnxplainError:
        raise
    except UnidentifiedImageError as problem:
        raise BadInputError(
            f"{name}: not a picture that Pillow can read; expected PNG, JPEG, BMP, GIF, TIFF, WebP ..., "
            "or an array in an .npy or .npz"
        ) from problem
    except Image.DecompressionBombError as problem:
        raise BadInputError(
            f"{name}: too large a picture ({problem}); besides the limit of pixels, that is PIL.Image.MAX_IMAGE_PIXELS"
        ) from problem
    except Exception as problem:  # a broken file makes Pillow raise errors of many kinds
        raise BadInputError(f"{name}: cannot read the picture ({problem})") from problem


def _read(path: Path, name: str) -> Decoded:
    data = read_bytes(path, "a picture, or an array in an .npy or .npz")
    with Image.open(io.BytesIO(data), formats=_formats()) as image:
        check_pixels(image.size, name)
        frames = getattr(image, "n_frames", 1)
        image.seek(0)
        picture, notes, _ = _upright(image, name)
    return Decoded(
        picture,
        (*((f"first of {frames} frames",) if frames > 1 else ()), *notes),
        hashlib.sha256(data).hexdigest(),
    )


@cache
def _formats() -> list[str]:
    """Return the formats that are read: all of Pillow's but EPS, a program that Pillow would have another one run."""
    Image.init()
    return sorted(set(Image.OPEN) - {"EPS"})


def _upright(image: Image.Image, name: str) -> Decoded:
    """Return an open picture turned upright, in 8 bits and without transparency, and notes on what was done."""
    notes: list[str] = []
    deep = is_deep(image)
    if is_deep_colour(image):
        check_range(image, name)
        notes.append("16 bits a channel reduced to the upper 8")
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright by its EXIF orientation")
    if deep:
        image, note = reduced(image)
        notes.append(note)
    if image.mode not in _EIGHT_BIT:
        raise BadInputError(
            f"{name}: a picture of mode {image.mode} has no fixed range; pass an array in the model's range"
        )
    if image.mode in _ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")  # before the next line, where Pillow would warn of a palette with transparency
        notes.append("transparency dropped")
    return Decoded(image.convert("L" if image.mode in ("1", "L") else "RGB"), tuple(notes))
