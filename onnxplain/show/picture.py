"""The picture of a map: the original beside the overlay, with title, scale and colour bar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.errors import BadInputError
from onnxplain.show.colour import colours, heatmap, overlay, robust_maximum
from onnxplain.show.text import FAINT, INK, Font, font, line_height, width_of, wrapped, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array


_LEAST, _MOST, _NARROWEST = 320, 1280, 560
"""In pixels: the least and the most of a panel's longer side, and the least width of the sheet, which text needs."""
_MARGIN, _GAP, _BAR = 16, 12, 16
"""In pixels: the margin of the sheet, the gap between panels, and the width of the colour bar."""


def picture(
    image: Array | Image.Image | None,
    relevance: Array,
    title: str = "",
    subtitle: str = "",
    vmax: float | None = None,
) -> Image.Image:
    """Draw `image` beside its overlay with `relevance`, or the heatmap alone where `image` is None.

    image: uint8 RGB [H, W, 3], or a PIL picture, of the size of `relevance` [H, W]. Small ones are enlarged without
    smoothing, so that every pixel is a square. title: class and score. subtitle: the method.
    vmax: the |R| of full colour, which is written on the picture; None takes the 99th percentile of |R|.

    Raises BadInputError where the shapes do not fit, NumericalError for NaN or Inf.
    """
    if relevance.ndim != 2 or not relevance.size:
        raise BadInputError(f"a relevance of shape {relevance.shape} is no map; expected [H, W]")
    top = robust_maximum(relevance) if vmax is None else vmax
    if image is None:
        panels = [_enlarged(heatmap(relevance, top), proportional=False)]
    else:
        pixels = np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)
        panels = [_enlarged(p, proportional=True) for p in (pixels, overlay(pixels, relevance, top))]
    return sheet(panels, top, title, subtitle, given=vmax is not None)


def scale_text(top: float, *, given: bool) -> str:
    """Return a sentence on what full colour means: |R| of `top`, which the caller gave or which is a percentile."""
    if top == 0:
        return "all relevance is 0"
    return f"full colour at ±{top:.3g} ({'given' if given else '99th percentile of |R|'})"


def sheet(panels: Sequence[Image.Image], top: float, title: str, subtitle: str, *, given: bool = False) -> Image.Image:
    """Draw panels side by side, the colour bar at the right, title and subtitle above, the scale below.

    top: the |R| of full colour. given: whether the caller chose it.
    """
    height = max(panel.height for panel in panels)
    big, small = font(max(18, height // 18)), font(max(14, height // 26))
    ticks = (f"{top:+.3g}", "0", f"{-top:+.3g}") if top else ("", "0", "")
    legend = _GAP + _BAR + 6 + max(width_of(tick, small) for tick in ticks)
    row = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1) + legend
    room = max(row, _NARROWEST)
    heads, subs = wrapped(title, big, room), wrapped(subtitle, small, room)
    below = wrapped(scale_text(top, given=given), small, room)
    start = _MARGIN + len(heads) * line_height(big) + len(subs) * line_height(small) + (8 if heads or subs else 0)
    end = start + height + 8 + len(below) * line_height(small)
    whole = Image.new("RGB", (room + 2 * _MARGIN, end + _MARGIN), "white")
    draw = ImageDraw.Draw(whole)
    write(draw, (_MARGIN, write(draw, (_MARGIN, _MARGIN), heads, big, INK)), subs, small, FAINT)
    x = _MARGIN + (room - row) // 2
    for panel in panels:
        whole.paste(panel, (x, start))
        x += panel.width + _GAP
    _colour_bar(whole, (x, start), height, ticks, small)
    write(draw, (_MARGIN, start + height + 8), below, small, FAINT)
    return whole


def _colour_bar(
    sheet: Image.Image, corner: tuple[int, int], height: int, ticks: tuple[str, str, str], face: Font
) -> None:
    """Draw a vertical bar at `corner` (x, y), the largest value at the top, with `ticks` at top, middle and bottom."""
    ramp = colours(np.linspace(1, -1, height)[:, None].repeat(_BAR, axis=1))
    sheet.paste(Image.fromarray(ramp), corner)
    draw = ImageDraw.Draw(sheet)
    x, y = corner
    draw.rectangle((x, y, x + _BAR - 1, y + height - 1), outline=FAINT)
    for tick, place, anchor in zip(ticks, (y, y + height // 2, y + height), ("la", "lm", "ld"), strict=True):
        draw.text((x + _BAR + 6, place), tick, font=face, fill=INK, anchor=anchor)


def _enlarged(pixels: Array, *, proportional: bool) -> Image.Image:
    """Return `pixels` as a panel whose longer side has 320 to 1280 pixels.

    A smaller picture is enlarged by a whole number, so that every pixel is a square; a larger one is averaged down.
    proportional: whether both axes change alike. For a map whose axes have no common unit, such as time and frequency,
    each axis is brought to that range by itself.
    """
    sides = pixels.shape[:2]
    height, width = (_length(side, max(sides) if proportional else side) for side in sides)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX)


def _length(side: int, decisive: int) -> int:
    """Return how many pixels a side of `side` values gets on a panel, where the side that decides has `decisive`."""
    if decisive > _MOST:
        return max(1, round(side * _MOST / decisive))
    return side * math.ceil(_LEAST / decisive)
