"""Resizing and cropping: how a picture of any size gets the size of the model's input."""

from __future__ import annotations

import math
from typing import TypeAlias

from PIL import Image

from onnxplain import limits
from onnxplain.errors import BadInputError

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""
Crop: TypeAlias = float | Size | None
"""What a picture is resized to before a central crop, see `bring_to`."""

FILTERS = {filter_.name.lower(): filter_ for filter_ in Image.Resampling}
"""Pillow's filters for resizing, by name."""


def bring_to(image: Image.Image, size: Size, resize: str, crop: Crop) -> Image.Image:
    """Return `image` at `size`, resized by the filter of the name `resize`.

    Without a crop (None) the picture is stretched to `size`. With one it is resized first, and then `size` is cut from
    its centre:
        (height, width)  it is stretched to this
        up to 1          it keeps its proportions, and covers size / crop
        above 1          it keeps its proportions, and its short side gets `crop` pixels
    A cut that reaches beyond the border is black there, as in torchvision.
    Raises BadInputError where any of these pictures has no pixels or too many: a strip has a very long long side.
    """
    check_pixels(size, "the model's picture")
    if crop is None:
        return image.resize((size[1], size[0]), FILTERS[resize])
    before = _before_cut(image, size, crop)
    check_pixels(before, "the picture, resized before its centre is cut out")
    return _cut(image.resize(before, FILTERS[resize]), size)


def check_pixels(size: tuple[int, int], name: str) -> None:
    """Raise BadInputError where a picture has no pixels, or more than the limit. name: what messages call it."""
    if min(size) < 1:
        raise BadInputError(f"{name}: a picture of {size[0]} x {size[1]} pixels has none")
    count = size[0] * size[1]
    limits.check("pixels", count, f"{name}: {size[0]} x {size[1]} pixels")


def tell(size: Size, resize: str, crop: Crop) -> str:
    """Return in words what `bring_to` does."""
    final = f"{size[0]}x{size[1]}"
    if crop is None:
        return f"resized to {final} ({resize})"
    if isinstance(crop, tuple):
        return f"resized to {crop[0]}x{crop[1]} ({resize}), centre crop {final}"
    height, width = _cover(size, crop)
    reach = f"short side {height}" if height == width else f"covering {height}x{width}"
    return f"{reach} ({resize}), centre crop {final}"


def _before_cut(image: Image.Image, size: Size, crop: float | Size) -> tuple[int, int]:
    """Return the width and height to resize to before the central crop, rounded as in torchvision."""
    if isinstance(crop, tuple):
        return crop[1], crop[0]
    height, width = _cover(size, crop)
    if height * image.width >= width * image.height:
        return int(height * image.width / image.height), height
    return width, int(width * image.height / image.width)


def _cover(size: Size, crop: float) -> Size:
    """Return the height and width that the resized picture covers."""
    if crop > 1:
        return int(crop), int(crop)
    return math.floor(size[0] / crop), math.floor(size[1] / crop)


def _cut(image: Image.Image, size: Size) -> Image.Image:
    """Return the centre of `image`; half a pixel is rounded to the even number, as in torchvision."""
    top, left = round((image.height - size[0]) / 2), round((image.width - size[1]) / 2)
    return image.crop((left, top, left + size[1], top + size[0]))
