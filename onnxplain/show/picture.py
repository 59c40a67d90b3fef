"""The picture of a map: the original beside the overlay, with title, scale and colour bar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from onnxplain.show.bar import bar_width, draw_bar
from onnxplain.show.page import Page
from onnxplain.show.panel import Map
from onnxplain.show.style import Style
from onnxplain.show.text import FAINT, font, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Placement, Size
    from onnxplain.show.annotations import Annotation
    from onnxplain.show.axes import Axes
    from onnxplain.show.colour import Scale
    from onnxplain.show.words import Words


_NARROWEST = 560
"""The least width of the sheet in pixels, which text needs."""
_MARGIN, _GAP = 16, 12
"""In pixels: the margin of the sheet, and the gap between panels."""


def picture(
    image: Array | Image.Image | None,
    relevance: Array,
    words: Words,
    style: Style | None = None,
    placement: Placement | None = None,
    notes: tuple[Annotation, ...] = (),
    axes: Axes | None = None,
) -> Page:
    """Lay out `image` beside its overlay with `relevance`, or the heatmap alone where `image` is None.

    image: uint8 RGB [H, W, 3], or a PIL picture. relevance: [h, w]. placement: where it lies on the image; None where
    both are of one size. words: title and what the numbers are. notes: annotations to outline. axes: of what is no
    photo.

    Raises BadInputError where the shapes do not fit, NumericalError for NaN or Inf.
    """
    style = style or Style()
    ground = np.asarray(image.convert("RGB")) if isinstance(image, Image.Image) else image
    shown = Map(relevance, ground, placement, proportional=ground is not None)
    size, scale = shown.size(style.size), shown.scale(style)
    reduced = "" if axes else _reduced(size, shown.place.original)
    words = replace(words, where=" ".join(filter(None, (words.where, reduced))))
    photo = None if ground is None else shown.picture(size)
    panels = [] if photo is None else [photo]
    return sheet([*panels, shown.drawn(size, scale, style, notes, photo)], scale, words, style, axes)


def _reduced(size: Size, original: Size) -> str:
    """Return a sentence that says so where a picture is drawn smaller than it came, else ""."""
    if size[0] >= original[0] and size[1] >= original[1]:
        return ""
    drawn, came = (f"{width} x {height}" for height, width in (size, original))
    return f"Drawn at {drawn} of {came} pixels."


def sheet(panels: Sequence[Image.Image], scale: Scale, words: Words, style: Style, axes: Axes | None = None) -> Page:
    """Place panels side by side, the colour bar at the right, title and subtitle above, what the colours mean below.

    axes: of each panel, where it has such.
    """
    height = max(panel.height for panel in panels)
    side = min(height, sum(panel.width for panel in panels) // 2 + _NARROWEST // 4)  # text has to fit narrow ones, too
    big, small = (font(size, style.font) for size in (min(max(18, side // 18), 36), min(max(14, side // 26), 22)))
    legend = bar_width(scale, words, small)
    left, under = (axes.room_left(small), axes.room_below(small)) if axes else (0, 0)
    row = left + sum(panel.width for panel in panels) + _GAP * len(panels) + legend
    room = max(row, _NARROWEST)
    page = Page(room + 2 * _MARGIN)
    below_title = page.write((_MARGIN, _MARGIN), wrapped(words.title, big, room), big)
    y = page.write((_MARGIN, below_title), wrapped(words.subtitle, small, room), small, FAINT)
    y += 8 if y > _MARGIN else 0
    x = _MARGIN + (room - row) // 2 + left
    for panel in panels:
        page.put((x, y), panel)
        if axes:
            axes.draw(page, (x, y), panel.size, small, first=panel is panels[0])
        x += panel.width + _GAP
    draw_bar(page, (x, y), height, scale, words, small)
    end = page.write((_MARGIN, y + height + under + 8), wrapped(words.legend(scale, style), small, room), small, FAINT)
    page.height = end + _MARGIN
    return page
