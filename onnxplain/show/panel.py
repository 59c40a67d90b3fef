"""One panel: a picture, a map over it, contours, annotations, and hatches where the model saw nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs.placement import Placement
from onnxplain.show.annotations import draw_annotations
from onnxplain.show.colour import Scale, scale_of, selected
from onnxplain.show.contour import draw_contours, smoothed

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Size
    from onnxplain.show.annotations import Annotation
    from onnxplain.show.style import Style

LEAST, MOST = 320, 1280
"""The least and the most pixels of a panel's longer side."""
SQUARES = 64
"""The pixels of a map with at most so many on its longer side are squares; those of a larger one are interpolated."""
_HATCH = 8
"""The distance of the hatching lines in pixels."""
_SHADE, _LINE = (0, 0, 0), (90, 90, 90)
"""What a picture is mixed with in halves where it is hatched: between the lines, and on them."""
_PAPER, _LINED = (250, 250, 250), (190, 190, 190)
"""The colours between the lines and on them where there is no picture."""


@dataclass(frozen=True, eq=False)
class Map:
    """A map, and what it is drawn on.

    relevance: [h, w], over the model's input. ground: the picture under it, uint8 [H, W] or RGB [H, W, 3], or None.
    placement: where the map lies on the picture; None where both are of one size. proportional: whether both axes have
    one unit, as in a picture, and not as time and frequency.
    """

    relevance: Array
    ground: Array | None = None
    placement: Placement | None = None
    proportional: bool = True

    @property
    def place(self) -> Placement:
        """Where the map lies on the picture. Raises BadInputError where the sizes do not fit."""
        if self.relevance.ndim != 2 or not self.relevance.size:
            raise BadInputError(f"a relevance of shape {self.relevance.shape} is no map; expected [H, W]")
        own = self.relevance.shape[0], self.relevance.shape[1]
        place = self.placement or Placement(own, own, (0, 0), own)
        ground = place.original if self.ground is None else self.ground.shape[:2]
        if place.size != own or ground != place.original:
            raise BadInputError(f"a picture of {ground} pixels does not fit a relevance of {own}")
        return place

    def size(self, side: int | None = None) -> Size:
        """Return the height and width of a panel whose longer side has 320 to 1280 pixels, or `side` where it is given.

        A smaller picture is enlarged by a whole number, a larger one is reduced. Where the axes have no common unit,
        each is brought to that range by itself.
        """
        if side is not None:
            return self.fitted(side)
        sides = self.place.original
        height, width = (_length(side, max(sides) if self.proportional else side) for side in sides)
        return height, width

    def fitted(self, side: int) -> Size:
        """Return the height and width of a panel whose longer side has exactly so many pixels, or of both sides."""
        sides = self.place.original
        if not self.proportional:
            return side, side
        return max(1, round(sides[0] * side / max(sides))), max(1, round(sides[1] * side / max(sides)))

    def picture(self, size: Size, *, grey: bool = False) -> Image.Image:
        """Return the picture alone at a size, in RGB; white where there is none."""
        if self.ground is None:
            return Image.new("RGB", size[::-1], "white")
        image = Image.fromarray(np.ascontiguousarray(self.ground))
        image = image.convert("L").convert("RGB") if grey else image.convert("RGB")
        return image if image.size == size[::-1] else image.resize(size[::-1], _filter(self.place.original, size))

    def drawn(
        self,
        size: Size,
        scale: Scale,
        style: Style,
        notes: tuple[Annotation, ...] = (),
        photo: Image.Image | None = None,
    ) -> Image.Image:
        """Return the panel: the map, in the colours of the scale, over the picture.

        notes: annotations to outline. photo: the picture alone at this size, where it was drawn already.
        """
        place = self.place
        panel = self._coloured(size, scale, style, photo)
        self.outline(panel, style)
        draw_annotations(panel, notes, place.original)
        return panel

    def outline(self, panel: Image.Image, style: Style) -> None:
        """Draw the contour lines of the map on a panel."""
        if style.levels:
            size = panel.height, panel.width
            field = self.place.back(smoothed(selected(self.relevance, style.sign)), size, unseen=0.0)
            draw_contours(panel, field, style.levels, min(max(0.9, max(size) / 400), 3.0))

    def hatch(self, panel: Image.Image, *, light: bool = False) -> None:
        """Hatch what the model does not see of a panel. light: whether there is white paper, which is not darkened."""
        _hatch(panel, *self.place.seen((panel.height, panel.width)), light=light)

    def _coloured(self, size: Size, scale: Scale, style: Style, photo: Image.Image | None) -> Image.Image:
        """Return the colours of the map, over the picture or on white paper, with hatches where nothing is seen."""
        (rows, columns), shown = self.place.seen(size), self.at(size, style.sign)[self.place.seen(size)]
        bare = style.background == "none" or self.ground is None
        if bare:
            panel, colours = Image.new("RGB", size[::-1], _PAPER), scale.heat(shown)
        else:
            grey = style.background == "grey"
            panel = self.picture(size, grey=grey) if photo is None or grey else photo
            colours = scale.over(panel.crop((columns.start, rows.start, columns.stop, rows.stop)), shown)
        if colours.size == panel.size:
            return colours
        panel = panel.copy()
        self.hatch(panel, light=bare)
        panel.paste(colours, (columns.start, rows.start))
        return panel

    def at(self, size: Size, sign: str) -> Array:
        """Return the numbers that a choice of sign leaves, as a panel of a size has them; NaN where nothing is seen."""
        return self.place.back(selected(self.relevance, sign), size, squares=max(self.place.size) <= SQUARES)

    def scale(self, style: Style) -> Scale:
        """Return the scale of the map by itself; see `scale_of`."""
        return scale_of(selected(self.relevance, style.sign), style)


def _length(side: int, decisive: int) -> int:
    """Return how many pixels a side of `side` values gets on a panel, where the side that decides has `decisive`."""
    if decisive > MOST:
        return max(1, round(side * MOST / decisive))
    return side * math.ceil(LEAST / decisive)


def _filter(original: Size, size: Size) -> Image.Resampling:
    """Return how a picture is resized: small ones to squares, large ones smoothly."""
    if max(original) <= SQUARES and size[0] >= original[0]:
        return Image.Resampling.NEAREST
    return Image.Resampling.BICUBIC if size[0] >= original[0] else Image.Resampling.BOX


def _hatch(panel: Image.Image, rows: slice, columns: slice, *, light: bool) -> None:
    """Draw diagonal lines on all of a panel but the rows and columns that the model sees, and darken it there.

    light: whether there is white paper, which is not darkened.
    """
    width, height = panel.size
    bands = ((0, 0, width, rows.start), (0, rows.stop, width, height))
    sides = ((0, rows.start, columns.start, rows.stop), (columns.stop, rows.start, width, rows.stop))
    for left, top, right, bottom in (each for each in (*bands, *sides) if each[2] > each[0] and each[3] > each[1]):
        down, across = (np.arange(first, last) % _HATCH for first, last in ((top, bottom), (left, right)))
        lines = Image.fromarray((down[:, None] + across) % _HATCH == 0)
        part = panel.crop((left, top, right, bottom))
        shade, line = (Image.new("RGB", part.size, ink) for ink in ((_PAPER, _LINED) if light else (_SHADE, _LINE)))
        if not light:
            shade, line = (Image.blend(part, each, 0.5) for each in (shade, line))
        shade.paste(line, (0, 0), lines)
        panel.paste(shade, (left, top))
