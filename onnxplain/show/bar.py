"""The colour bar: the scale from its low to its high end, its numbers, their shares of the score, and their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.page import Line
from onnxplain.show.text import FAINT, INK, line_height, shortened, width_of

if TYPE_CHECKING:
    from onnxplain.show.colour import Scale
    from onnxplain.show.page import Page
    from onnxplain.show.text import Font
    from onnxplain.show.words import Words

WIDTH = 16
"""In pixels."""
_ROOMY = 14
"""A bar of fewer lines of text than this has three ticks."""
_AWAY = 6
"""The distance of the numbers from the bar, and of the unit from the numbers, in pixels."""


def bar_width(scale: Scale, words: Words, face: Font) -> int:
    """Return how many pixels wide a bar is with its numbers and the unit at its right."""
    return WIDTH + _AWAY + _widest(scale, words, face) + _AWAY + line_height(face)


def draw_bar(page: Page, corner: tuple[int, int], height: int, scale: Scale, words: Words, face: Font) -> None:
    """Draw a vertical bar at `corner` (x, y), the largest number at the top; the unit stands upright at its right."""
    (x, y), step = corner, line_height(face)
    page.put(corner, ramp(scale, (height, WIDTH)))
    for part, number, share in ticks(scale, words, few=height < _ROOMY * step):
        lines = [number, share] if share else [number]
        middle = y + part * (height - 1) - len(lines) * step / 2
        top = round(min(max(middle, y), y + height - len(lines) * step))
        for i, text in enumerate(lines):
            place = x + WIDTH + _AWAY, top + i * step
            page.lines.append(Line(place, text, face, FAINT if i else INK))
    unit = shortened(words.unit, face, height)
    place = x + WIDTH + _AWAY + _widest(scale, words, face) + _AWAY, y + height // 2
    page.lines.append(Line(place, unit, face, FAINT, upright=True))


def ramp(scale: Scale, size: tuple[int, int]) -> Image.Image:
    """Return the colours of a scale, outlined: from its high end at the top or, where it is wide, at the right."""
    height, width = size
    tall = height > width
    numbers = np.linspace(scale.high, scale.low, height)[:, None] if tall else np.linspace(scale.low, scale.high, width)
    colours = scale.heat(np.broadcast_to(numbers, size))
    draw = ImageDraw.Draw(colours)
    draw.rectangle((0, 0, width - 1, height - 1), outline=FAINT)
    if scale.low and scale.high and tall:
        draw.line((width - 4, height // 2, width, height // 2), fill=FAINT)
    return colours


def _widest(scale: Scale, words: Words, face: Font) -> int:
    return max(width_of(text, face) for _, *texts in ticks(scale, words) for text in texts)


def ticks(scale: Scale, words: Words, *, few: bool = False) -> list[tuple[float, str, str]]:
    """Return for each tick its place from the high end, 0 to 1, its number, and that in per cent of what is shared out.

    few: whether a bar is too short for those at a quarter and at three quarters.
    """
    if scale.top == 0:
        return [(1.0, "0", "")]
    parts = (0.0, 0.25, 0.5, 0.75, 1.0) if scale.low and scale.high and not few else (0.0, 0.5, 1.0)
    numbers = [scale.high + part * (scale.low - scale.high) for part in parts]
    span = scale.high - scale.low
    signed = "+" if scale.low else ""
    return [
        ((scale.high - n) / span, f"{n:{signed}.3g}" if n else "0", words.share(n, signed) if n else "")
        for n in numbers
    ]
