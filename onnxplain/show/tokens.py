"""Attributions of tokens as coloured text: the tokens in reading order, each on a ground in the colour of its value."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.show.bar import ramp
from onnxplain.show.colour import scale_of, selected
from onnxplain.show.page import Line, Page
from onnxplain.show.pieces import pieces
from onnxplain.show.scales import DIVERGING
from onnxplain.show.style import Style
from onnxplain.show.text import FAINT, INK, Font, font, line_height, shortened, width_of
from onnxplain.show.words import how_scaled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.show.colour import Scale


_WIDTH, _MARGIN, _PAD, _GAP = 720, 16, 4, 3
"""In pixels: the width of the sheet, its margin, the ground left and right of a token, and the gap between tokens."""
_RAMP = 120
"""The length of the scale below the tokens, in pixels."""
_DARK = 0.55
"""A ground whose brightness, from 0 to 1, is lower than this has white text."""


def tokens(
    words: Sequence[str], values: Array, title: str = "", subtitle: str = "", style: Style | None = None
) -> Page:
    """Lay out tokens in lines, each on a ground from blue (negative) over white to red (positive), the scale below.

    Pieces of one word stand together, without the marks of their tokenizer. style: cmap, sign, vmax, threshold and font
    of it are used.

    Raises BadInputError where there is not one value for each token, NumericalError for NaN or Inf.
    """
    style = _own(style)
    grounds, scale = _grounds(words, values, style)
    big, small, room = font(20, style.font), font(15, style.font), _WIDTH - 2 * _MARGIN
    page = Page(_WIDTH)
    start = page.head(title, subtitle, big, small, _MARGIN)
    parts = pieces(words)
    shown = [shortened(part.text, small, room - 2 * _PAD) for part in parts]
    boxes = _places(shown, [part.joined for part in parts], start, small)
    end = (boxes[-1][3] if boxes else start) + 8
    for word, (left, top, right, bottom), ground in zip(shown, boxes, grounds, strict=True):
        page.put((left, top), Image.new("RGB", (right - left + 1, bottom - top + 1), tuple(ground.tolist())))
        page.lines.append(Line((left + _PAD, (top + bottom) // 2), word, small, _ink(ground), "lm"))
    _legend(page, end, scale, style, small)
    page.height = end + line_height(small) + _MARGIN
    return page


def _legend(page: Page, y: int, scale: Scale, style: Style, face: Font) -> None:
    """Place the scale with its numbers at the height `y`, and what they are at its right."""
    x, step = _MARGIN, line_height(face)
    if scale.top:
        low, high = (f"{n:+.3g}" if n else "0" for n in (scale.low, scale.high))
        page.lines.append(Line((x, y), low, face, FAINT))
        x += width_of(low, face) + _GAP
        page.put((x, y + 1), ramp(scale, (step - 2, _RAMP)))
        x += _RAMP + _GAP
        page.lines.append(Line((x, y), high, face, FAINT))
        x += width_of(high, face) + 4 * _GAP
    below = f"; below {scale.threshold:.3g} nothing is drawn" if scale.threshold else ""
    said = f"full colour: {how_scaled(style)}{below}" if scale.top else "All relevance is 0."
    page.lines.append(Line((x, y), shortened(said, face, _WIDTH - _MARGIN - x), face, FAINT))


class Coloured(NamedTuple):
    """A token as it is shown: its text, whether it goes on the word before it, its value, and the colours, RGB."""

    text: str
    joined: bool
    value: float
    ground: tuple[int, ...]
    ink: tuple[int, ...]


def coloured(words: Sequence[str], values: Array, style: Style | None = None) -> tuple[list[Coloured], Scale]:
    """Return tokens in the colours in which `tokens` draws them, and the scale of these. Raises its errors."""
    grounds, scale = _grounds(words, values, _own(style))
    parts = zip(pieces(words), values.tolist(), grounds, strict=True)
    return [Coloured(*part, value, tuple(ground.tolist()), _ink(ground)) for part, value, ground in parts], scale


def tokens_html(words: Sequence[str], values: Array) -> str:
    """Return the same as HTML, where hovering over a token shows its value."""
    spans = (
        f'<span title="{each.value:+.3g}" style="background:rgb{each.ground};color:rgb{each.ink};'
        f'padding:1px {1 if each.joined else 3}px;margin:1px 0 1px {0 if each.joined else 3}px;display:inline-block">'
        f"{escape(each.text)}</span>"
        for each in coloured(words, values)[0]
    )
    return f'<div style="font-family:monospace;line-height:1.6">{"".join(spans)}</div>'


def _own(style: Style | None) -> Style:
    """Return a style with what tokens have where nothing is chosen.

    Full colour is the largest |value|, and not a percentile, since a sentence has few tokens; and a token without
    relevance is as white as the paper.
    """
    style = style or Style()
    return replace(style, vmax="100%" if style.vmax is None else style.vmax, cmap=style.cmap or DIVERGING)


def _grounds(words: Sequence[str], values: Array, style: Style) -> tuple[Array, Scale]:
    """Return the ground of each token, uint8 RGB [n, 3], and the scale of these colours."""
    if values.ndim != 1 or len(words) != len(values):
        raise BadInputError(f"{len(words)} tokens for an attribution of shape {values.shape}")
    kept = selected(values, style.sign)
    scale = scale_of(kept, style)
    return np.asarray(scale.heat(kept[None]))[0], scale


def _ink(ground: Array) -> tuple[int, int, int]:
    """Return the colour of the text: dark on a light ground, white on a dark one."""
    return (255, 255, 255) if ground @ np.array((0.299, 0.587, 0.114)) < 255 * _DARK else INK


def _places(words: Sequence[str], joined: Sequence[bool], top: int, face: Font) -> list[tuple[int, int, int, int]]:
    """Return the box (left, top, right, bottom) of each word; a word that does not fit begins a new line.

    joined: whether it stands at the one before it without a gap. top: the y at which the first line begins.
    """
    boxes: list[tuple[int, int, int, int]] = []
    x, y, height = _MARGIN, top, line_height(face) + 2 * _PAD
    for word, close in zip(words, joined, strict=True):
        wide = width_of(word, face) + 2 * _PAD
        x -= _GAP if close and boxes else 0
        if x + wide > _WIDTH - _MARGIN and x > _MARGIN:
            x, y = _MARGIN, y + height + _GAP
        boxes.append((x, y, x + wide, y + height))
        x += wide + _GAP
    return boxes
