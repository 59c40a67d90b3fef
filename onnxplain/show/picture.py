"""The picture of a map: the original beside the overlay, with title, scale and colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.bar import bar_width, draw_bar
from onnxplain.show.panel import Map
from onnxplain.show.style import Style
from onnxplain.show.text import FAINT, INK, font, line_height, wrapped, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Placement
    from onnxplain.show.annotations import Annotation
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
) -> Image.Image:
    """Draw `image` beside its overlay with `relevance`, or the heatmap alone where `image` is None.

    image: uint8 RGB [H, W, 3], or a PIL picture. relevance: [h, w]. placement: where it lies on the image; None where
    both are of one size. words: title and what the numbers are. notes: annotations to outline.

    Raises BadInputError where the shapes do not fit, NumericalError for NaN or Inf.
    """
    style = style or Style()
    ground = np.asarray(image.convert("RGB")) if isinstance(image, Image.Image) else image
    shown = Map(relevance, ground, placement, proportional=ground is not None)
    size, scale = shown.size(), shown.scale(style)
    panels = [] if ground is None else [shown.picture(size)]
    return sheet([*panels, shown.drawn(size, scale, style, notes)], scale, words, style)


def sheet(panels: Sequence[Image.Image], scale: Scale, words: Words, style: Style) -> Image.Image:
    """Draw panels side by side, the colour bar at the right, title and subtitle above, what the colours mean below."""
    height = max(panel.height for panel in panels)
    big, small = (font(size, style.font) for size in (min(max(18, height // 18), 36), min(max(14, height // 26), 22)))
    legend = bar_width(scale, words, small)
    row = sum(panel.width for panel in panels) + _GAP * len(panels) + legend
    room = max(row, _NARROWEST)
    heads, subs = wrapped(words.title, big, room), wrapped(words.subtitle, small, room)
    below = wrapped(words.legend(scale, style), small, room)
    start = _MARGIN + len(heads) * line_height(big) + len(subs) * line_height(small) + (8 if heads or subs else 0)
    end = start + height + 8 + len(below) * line_height(small)
    whole = Image.new("RGB", (room + 2 * _MARGIN, end + _MARGIN), "white")
    draw = ImageDraw.Draw(whole)
    write(draw, (_MARGIN, write(draw, (_MARGIN, _MARGIN), heads, big, INK)), subs, small, FAINT)
    x = _MARGIN + (room - row) // 2
    for panel in panels:
        whole.paste(panel, (x, start))
        x += panel.width + _GAP
    draw_bar(whole, (x, start), height, scale, words, small)
    write(draw, (_MARGIN, start + height + 8), below, small, FAINT)
    return whole
