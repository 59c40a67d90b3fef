"""Resizing and cropping: how a picture of any size gets the size of the model's input."""

from __future__ import annotations

import math
from typing import TypeAlias

from PIL import Image

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.inputs.placement import Placement, Size

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
    place = placed((image.height, image.width), size, crop)
    check_pixels(size, "the model's picture")
    if crop is not None:
        check_pixels(place.resized[::-1], "the picture, resized before its centre is cut out")
    resized = image.resize(place.resized[::-1], FILTERS[resize])
    top, left = place.corner
    return resized if crop is None else resized.crop((left, top, left + size[1], top + size[0]))


def placed(original: Size, size: Size, crop: Crop) -> Placement:
    """Return how `bring_to` brings a picture of the size `original` to `size`.

    Half a pixel before the cut is rounded to the even number, as in torchvision.
    """
    if crop is None:
        return Placement(original, size, (0, 0), size)
    height, width = _before_cut(original, size, crop)
    corner = round((height - size[0]) / 2), round((width - size[1]) / 2)
    return Placement(original, (height, width), corner, size)


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


def _before_cut(original: Size, size: Size, crop: float | Size) -> Size:
    """Return the height and width to resize to before the central crop, rounded as in torchvision."""
    if isinstance(crop, tuple):
        return crop
    (height, width), (tall, wide) = _cover(size, crop), original
    if height * wide >= width * tall:
        return height, int(height * wide / tall)
    return int(width * tall / wide), width


def _cover(size: Size, crop: float) -> Size:
    """Return the height and width that the resized picture covers."""
    if crop > 1:
        return int(crop), int(crop)
    return math.floor(size[0] / crop), math.floor(size[1] / crop)
