"""The page of a feature visualisation: the picture that was found, and how the score rose on the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.page import Line, Page
from onnxplain.show.panel import Map
from onnxplain.show.scales import POSITIVE
from onnxplain.show.text import FAINT, INK, Font, font, line_height, width_of, wrapped
from onnxplain.show.words import number

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.show.style import Style

_MARGIN, _GAP, _CURVE, _FINER = 16, 12, 240, 3
"""In pixels: the margin of the sheet, the gap in it, and the width of the curve; and how much finer it is drawn."""


def ascent(pixels: Array, scores: Array, title: str, subtitle: str, style: Style) -> Page:
    """Lay out a picture, uint8 RGB [H, W, 3], beside the curve of the scores before each step and after the last.

    style: size and font of it are used.
    """
    shown = Map(np.zeros(pixels.shape[:2]), pixels)
    panel = shown.picture(shown.size(style.size))
    big, small = font(20, style.font), font(15, style.font)
    numbers = [number(float(each)) for each in (scores.max(), scores.min())]
    left = _MARGIN + panel.width + 2 * _GAP
    curve = left + max(width_of(each, small) for each in numbers) + _GAP // 2
    page = Page(curve + _CURVE + _MARGIN)
    room = page.width - 2 * _MARGIN
    y = page.write((_MARGIN, _MARGIN), wrapped(title, big, room), big)
    y = page.write((_MARGIN, y), wrapped(subtitle, small, room), small, FAINT) + _GAP // 2
    page.put((_MARGIN, y), panel)
    high = min(panel.height, _CURVE)
    page.put((curve, y), _drawn(scores, high))
    for text, at in zip(numbers, (y, y + high - line_height(small)), strict=True):
        page.lines.append(Line((curve - _GAP // 2, at), text, small, INK, "ra"))
    end = page.write((curve, y + high + 4), [_below(len(scores) - 1, small)], small, FAINT)
    page.height = max(end, y + panel.height) + _MARGIN
    return page


def _below(steps: int, face: Font) -> str:
    """Return what stands below the curve, as much of it as there is room for."""
    long = f"score, step 0 to {steps}"
    return long if width_of(long, face) <= _CURVE else "score"


def _drawn(scores: Array, high: int) -> Image.Image:
    """Return the curve, from the lowest score at the bottom to the highest at the top."""
    wide, tall, edge = _CURVE * _FINER, high * _FINER, 2 * _FINER
    sheet = Image.new("RGB", (wide, tall), "white")
    draw = ImageDraw.Draw(sheet)
    low, top = float(scores.min()), float(scores.max())
    across = np.linspace(edge, wide - edge, len(scores))
    down = tall - edge - (scores - low) / ((top - low) or 1.0) * (tall - 2 * edge)
    draw.rectangle((0, 0, wide - 1, tall - 1), outline=FAINT, width=_FINER)
    draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=POSITIVE, width=2 * _FINER, joint="curve")
    return sheet.resize((_CURVE, high), Image.Resampling.BOX)
