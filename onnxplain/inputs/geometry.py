"""Resizing and cropping: how a picture of any size comes to the size of the model's input."""

from __future__ import annotations

import math
from typing import TypeAlias

from PIL import Image

Size: TypeAlias = tuple[int, int]
Crop: TypeAlias = float | Size | None

FILTERS = {filter_.name.lower(): filter_ for filter_ in Image.Resampling}


def bring_to(image: Image.Image, size: Size, resize: str, crop: Crop) -> Image.Image:
    """`image` at `size` (height, width).

    crop None stretches it there. Otherwise it is first resized and then cut from the centre: (height, width)
    stretches it to that; a number keeps its proportions and lets it cover size / crop where crop <= 1 and a
    square of `crop` pixels, so that its short side has that length, where crop > 1.
    A cut beyond the border is black, as in torchvision.
    """
    if crop is None:
        return image.resize((size[1], size[0]), FILTERS[resize])
    return _cut(image.resize(_before_cut(image, size, crop), FILTERS[resize]), size)


def tell(size: Size, resize: str, crop: Crop) -> str:
    """`bring_to` in words."""
    final = f"{size[0]}x{size[1]}"
    if crop is None:
        return f"resized to {final} ({resize})"
    if isinstance(crop, tuple):
        return f"resized to {crop[0]}x{crop[1]} ({resize}), centre crop {final}"
    height, width = _cover(size, crop)
    reach = f"short side {height}" if height == width else f"covering {height}x{width}"
    return f"{reach} ({resize}), centre crop {final}"


def _before_cut(image: Image.Image, size: Size, crop: float | Size) -> tuple[int, int]:
    """Width and height to resize to before the central crop, rounded as torchvision does."""
    if isinstance(crop, tuple):
        return crop[1], crop[0]
    height, width = _cover(size, crop)
    if height * image.width >= width * image.height:
        return int(height * image.width / image.height), height
    return width, int(width * image.height / image.width)


def _cover(size: Size, crop: float) -> Size:
    """Height and width that the resized picture covers."""
    if crop > 1:
        return int(crop), int(crop)
    return math.floor(size[0] / crop), math.floor(size[1] / crop)


def _cut(image: Image.Image, size: Size) -> Image.Image:
    """The centre of `image`; an odd remainder is rounded to even halves, as torchvision does."""
    top, left = round((image.height - size[0]) / 2), round((image.width - size[1]) / 2)
    return image.crop((left, top, left + size[1], top + size[0]))
