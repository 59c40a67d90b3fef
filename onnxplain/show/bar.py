"""The colour bar: the scale from its low to its high end, its numbers, their shares of the score, and their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.text import FAINT, INK, line_height, put, shortened, width_of

if TYPE_CHECKING:
    from onnxplain.show.colour import Scale
    from onnxplain.show.text import Font
    from onnxplain.show.words import Words

WIDTH = 16
"""In pixels."""
_AWAY = 6
"""The distance of the numbers from the bar, and of the unit from the numbers, in pixels."""


def bar_width(scale: Scale, words: Words, face: Font) -> int:
    """Return how many pixels wide a bar is with its numbers and the unit at its right."""
    texts = (text for _, number, share in _ticks(scale, words) for text in (number, share))
    return WIDTH + _AWAY + max(width_of(text, face) for text in texts) + _AWAY + line_height(face)


def draw_bar(sheet: Image.Image, corner: tuple[int, int], height: int, scale: Scale, words: Words, face: Font) -> None:
    """Draw a vertical bar at `corner` (x, y), the largest number at the top; the unit stands upright at its right."""
    ramp = scale.heat(np.linspace(scale.high, scale.low, height)[:, None].repeat(WIDTH, axis=1))
    sheet.paste(ramp, corner)
    draw, (x, y) = ImageDraw.Draw(sheet), corner
    draw.rectangle((x, y, x + WIDTH - 1, y + height - 1), outline=FAINT)
    step, right = line_height(face), 0
    for part, number, share in _ticks(scale, words):
        lines = [number, share] if share else [number]
        at = y + part * (height - 1)
        top = min(max(at - len(lines) * step / 2, y), y + height - len(lines) * step)
        draw.line((x + WIDTH, at, x + WIDTH + 3, at), fill=FAINT)
        for i, text in enumerate(lines):
            put(draw, (x + WIDTH + _AWAY, round(top + i * step)), text, face, FAINT if i else INK)
            right = max(right, width_of(text, face))
    unit = shortened(words.unit, face, height)
    upright = Image.new("RGB", (width_of(unit, face) + 2, step), "white")
    put(ImageDraw.Draw(upright), (0, 0), unit, face, FAINT)
    turned = upright.rotate(90, expand=True)
    sheet.paste(turned, (x + WIDTH + _AWAY + right + _AWAY, y + (height - turned.height) // 2))


def _ticks(scale: Scale, words: Words) -> list[tuple[float, str, str]]:
    """Return for each tick its place from the top, 0 to 1, its number, and that in per cent of what is shared out."""
    if scale.top == 0:
        return [(1.0, "0", "")]
    parts = (0.0, 0.25, 0.5, 0.75, 1.0) if scale.low and scale.high else (0.0, 0.5, 1.0)
    numbers = [scale.high + part * (scale.low - scale.high) for part in parts]
    span = scale.high - scale.low
    signed = "+" if scale.low else ""
    return [((scale.high - n) / span, f"{n:{signed}.3g}" if n else "0", words.share(n) if n else "") for n in numbers]
