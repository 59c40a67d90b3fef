"""Where the model's input lies on the picture as it came: the resizing and cropping of a picture, and its inverse.

A picture is resized as a whole, edge on edge, and a window is cut from the result; what reaches beyond the border is
padding. With a side of n pixels that is resized to m, of which the window begins at t, the place p on the original, in
pixels from its edge, lies at p m / n - t in the model's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from onnxplain.arrays import Array

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""


@dataclass(frozen=True)
class Placement:
    """How a picture became the model's input; all sizes are (height, width) in pixels.

    original: of the upright picture as it came. resized: what it was resized to. corner: (top, left) of the window in
    that; below 0 where the window begins in padding. size: of the window, the model's input.
    """

    original: Size
    resized: Size
    corner: tuple[int, int]
    size: Size

    @property
    def whole(self) -> bool:
        """Whether the model sees all of the picture, pixel by pixel."""
        return self.original == self.resized == self.size and self.corner == (0, 0)

    def seen(self, size: Size | None = None) -> tuple[slice, slice]:
        """Return the rows and the columns whose pixels the model sees, of the original at a size, by default its own.

        A pixel is seen where its centre lies in the window.
        """
        height, width = (self._seen(axis, n)[0] for axis, n in enumerate(size or self.original))
        return height, width

    def back(self, map_: Array, size: Size | None = None, *, squares: bool = False, unseen: float = math.nan) -> Array:
        """Return a map over the model's input [h, w] on the original [H, W], float32; NaN where the model saw nothing.

        Numbers stay what they are, relevance for a pixel of the model's input: between such pixels they are
        interpolated, and where several lie in one pixel of the original, it has their mean. size: of the original,
        where it is enlarged. squares: whether numbers are repeated instead of interpolated. unseen: what stands where
        the model saw nothing.
        """
        shape = size or self.original
        found = np.full(shape, unseen, np.float32)
        (rows, tall), (columns, wide) = (self._seen(axis, n) for axis, n in enumerate(shape))
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if height < 1 or width < 1:
            return found
        box = wide[0], tall[0], wide[1], tall[1]
        plane = Image.fromarray(np.ascontiguousarray(map_, np.float32), "F")
        how = Image.Resampling.NEAREST if squares else Image.Resampling.BILINEAR
        found[rows, columns] = np.asarray(plane.resize((width, height), how, box=box))
        return found

    def _seen(self, axis: int, pixels: int) -> tuple[slice, tuple[float, float]]:
        """Return the pixels that are seen along an axis of the original at a size, and where they lie in the input."""
        scale, start, length = self.resized[axis] / pixels, self.corner[axis], self.size[axis]
        first = max(0, math.ceil(start / scale - 0.5))
        last = min(pixels, math.ceil((start + length) / scale - 0.5))
        low, high = first * scale - start, last * scale - start
        return slice(first, max(first, last)), (max(low, 0.0), min(high, float(length)))


@dataclass(frozen=True, eq=False)
class Original:
    """A picture as it came, upright: uint8 [H, W] or RGB [H, W, 3], and how it became the model's input."""

    picture: Array
    placement: Placement

    @property
    def rgb(self) -> Image.Image:
        """The picture in RGB."""
        return Image.fromarray(self.picture).convert("RGB")
