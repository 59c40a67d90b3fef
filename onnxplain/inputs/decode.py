"""A picture file becomes upright pictures of 0 to 255 a channel; notes say what was done to them."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.inputs.content import Content, bytes_of, is_loose, name_of
from onnxplain.inputs.depth import brightness, check_range, is_deep, is_deep_colour
from onnxplain.inputs.dicom import frames_of, is_dataset, is_dicom, is_named_dicom
from onnxplain.inputs.facts import Facts
from onnxplain.inputs.geometry import check_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

# modes of Pillow
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
_ALPHA = ("LA", "PA", "RGBA", "RGBa")
_NUMBERS = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
_COMMON = ("BMP", "GIF", "JPEG", "PNG", "PPM")  # those that Pillow has at hand, and that begin like no others
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
_UNKNOWN = Facts()


class Decoded(NamedTuple):
    """A picture of the mode "L" (grey), "F" (grey in floats, 0 to 255) or "RGB", and notes on what was done to it.

    sha256: of the bytes of the file that it was read from; None for a picture that was in memory.
    frame: its number in a file of several, from 0; None in a file of one. dicom: whether it was a DICOM file.
    """

    picture: Image.Image
    notes: tuple[str, ...]
    sha256: str | None = None
    frame: int | None = None
    dicom: bool = False


def decode(source: Content | Image.Image | Any, facts: Facts = _UNKNOWN) -> Decoded:
    """Return `source` as an upright picture: the first one of `decode_all`."""
    return decode_all(source, facts)[0]


def decode_all(source: Content | Image.Image | Any, facts: Facts = _UNKNOWN, name: str = "picture") -> list[Decoded]:
    """Return the upright pictures of a source: one, or of a DICOM file each frame, unless `facts` name one.

    source: a path, bytes, an open file, a PIL picture or a pydicom Dataset. name: of what has none of its own.
    The EXIF orientation is applied, an animation gives its first frame, and transparency is dropped, as in the loaders
    that classifiers are trained with. Numbers of more than 8 bits become 0 to 255 by what `facts` state of them, else
    by the picture's own range, and stay floats. The source is not changed.

    Raises BadInputError for a file that is missing, no picture or cut short, and for a picture whose numbers have no
    range, or another one than is stated; MissingExtraError for a DICOM file without the extra dicom.
    """
    name = picture_name(source, name)
    if isinstance(source, Image.Image):
        return _guarded(name, lambda: [_upright(source, name, facts)])
    if is_dataset(source):
        return _guarded(name, lambda: _of_dicom(source, name, facts))
    return _guarded(name, lambda: _read(source, name, facts))


def picture_name(source: Any, default: str = "picture") -> str:
    """Return what messages call a picture: its path, or the default where it has none."""
    return (getattr(source, "filename", "") or default) if isinstance(source, Image.Image) else name_of(source, default)


def _guarded(name: str, work: Callable[[], list[Decoded]]) -> list[Decoded]:
    """Return the result of `work`; what Pillow raises on a broken file becomes a BadInputError with the `name`."""
    try:
        return work()
    except OnnxplainError:
        raise
    except UnidentifiedImageError as problem:
        raise BadInputError(
            f"{name}: not a picture that Pillow can read; expected PNG, JPEG, BMP, GIF, TIFF, WebP ..., DICOM, "
            "or an array in an .npy or .npz"
        ) from problem
    except Image.DecompressionBombError as problem:
        raise BadInputError(
            f"{name}: too large a picture ({problem}); besides the limit of pixels, that is PIL.Image.MAX_IMAGE_PIXELS"
        ) from problem
    except Exception as problem:  # a broken file makes Pillow raise errors of many kinds
        raise BadInputError(f"{name}: cannot read the picture ({problem})") from problem


def _read(source: Content, name: str, facts: Facts) -> list[Decoded]:
    source = source if is_loose(source) else Path(source)  # type: ignore[arg-type]
    data = bytes_of(source, "a picture, or an array in an .npy or .npz", name)
    digest = hashlib.sha256(data).hexdigest()
    if is_dicom(data):
        return [each._replace(sha256=digest) for each in _of_dicom(data, name, facts)]
    if is_named_dicom(name):
        raise BadInputError(
            f"{name}: no DICOM file, the letters DICM are missing at byte 128; a data set without a header is passed "
            "as pydicom.dcmread(path, force=True)"
        )
    with _opened(data) as image:
        check_pixels(image.size, name)
        frames = getattr(image, "n_frames", 1)
        wanted = facts.frame or 0
        if wanted >= frames:
            raise BadInputError(f"{name}: frame {wanted} of {frames}; they are counted from 0")
        image.seek(wanted)
        picture, notes, *_ = _upright(image, name, facts)
    which = "first of" if facts.frame is None else f"frame {wanted} of"
    notes = (*((f"{which} {frames} frames",) if frames > 1 else ()), *notes)
    return [Decoded(picture, notes, digest, wanted if frames > 1 else None)]


def _of_dicom(data: Any, name: str, facts: Facts) -> list[Decoded]:
    return [Decoded(*each, dicom=True) for each in frames_of(data, name, facts)]


def _opened(data: bytes) -> Image.Image:
    """Open a picture of a common format, or else of any; Pillow takes a tenth of a second to import all of them."""
    with suppress(UnidentifiedImageError):
        return Image.open(io.BytesIO(data), formats=_COMMON)
    return Image.open(io.BytesIO(data), formats=formats())


@cache
def formats() -> list[str]:
    """Return the formats that are read: all of Pillow's but EPS, a program that Pillow would have another one run."""
    Image.init()
    return sorted(set(Image.OPEN) - {"EPS"})


def _upright(image: Image.Image, name: str, facts: Facts) -> Decoded:
    """Return an open picture turned upright, from 0 to 255 and without transparency, and notes on what was done."""
    notes: list[str] = []
    bits = 16 if is_deep(image) else 0
    if is_deep_colour(image):
        facts.refuse_range(name, "colours of 16 bits, of which only the upper 8 bits can be read")
        check_range(image, name)
        notes.append("16 bits a channel reduced to the upper 8")
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        notes.append("turned upright by its EXIF orientation")
    if image.mode in _NUMBERS:
        about = name if bits else f"{name}, a picture of mode {image.mode}"
        shown, note = brightness(np.asarray(image), facts, about, bits)
        return Decoded(Image.fromarray(shown), (*notes, note))
    if image.mode not in _EIGHT_BIT:
        raise BadInputError(
            f"{name}: a picture of mode {image.mode} has no fixed range; convert it to RGB, or pass an array in the "
            "model's range"
        )
    facts.refuse_range(name, "a picture of 8 bits a channel")
    if image.mode in _ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")  # before the next line, where Pillow would warn of a palette with transparency
        notes.append("transparency dropped")
    return Decoded(image.convert("L" if image.mode in ("1", "L") else "RGB"), tuple(notes))
