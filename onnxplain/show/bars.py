"""Attributions of named features as horizontal bars: blue to the left of zero for negative ones, red to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show.colour import selected
from onnxplain.show.scales import DIVERGING, table
from onnxplain.show.style import Style, limit
from onnxplain.show.text import FAINT, INK, Font, font, line_height, put, shortened, width_of, wrapped, write
from onnxplain.show.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

Row: TypeAlias = tuple[str, float]
"""The name of a feature and its value."""
Inks: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""The colours of negative and of positive bars, RGB."""

_WIDTH, _MARGIN, _ROW, _GAP, _LABELS = 720, 16, 26, 8, 240
"""In pixels: the width of the sheet, its margin, the height of a row, the gap in it, and the widest label."""


_SAID = {
    "all": "",
    "positive": "Positive values alone are drawn.",
    "negative": "Negative values alone are drawn.",
    "absolute": "Absolute values are drawn.",
}
"""By the choice of a sign: what is said of it."""


def strongest(
    names: Sequence[str] | None, values: Array, top: int, style: Style | None = None
) -> tuple[list[Row], str]:
    """Return the `top` features of the largest |value|, the largest first, and what is said of those left out.

    names: one for each value; None numbers them. style: by its sign and threshold, which are wanted. A sentence says
    what the others sum to, of those with the wanted sign.
    Raises BadInputError where there are not as many names as values, NumericalError for NaN or Inf.
    """
    flat = np.asarray(values, np.float64).ravel()
    labels = [f"feature {i}" for i in range(flat.size)] if names is None else list(names)
    if len(labels) != flat.size:
        raise BadInputError(f"{len(labels)} names for {flat.size} features")
    if not np.isfinite(flat).all():
        raise NumericalError("the attribution contains NaN or Inf and cannot be shown")
    style = style or Style()
    flat = selected(flat, style.sign)
    size = np.abs(flat)
    least = 0.0 if style.threshold is None else limit(style.threshold, "threshold", size)
    order = [int(i) for i in np.argsort(-size, kind="stable") if size[i] or style.sign == "all"]
    drawn = [i for i in order[:top] if size[i] >= least]
    rest = order[len(drawn) :]
    others = f"the other {len(rest)} sum to {flat[rest].sum():+.3g}" if rest else ""
    return [(labels[i], float(flat[i])) for i in drawn], "\n".join(filter(None, (others, _SAID[style.sign])))


def ends_of(style: Style) -> Inks:
    """Return the colours of negative and of positive bars, RGB: the ends of the scale."""
    colours = table(style.cmap or DIVERGING)
    return tuple(colours[0].tolist()), tuple(colours[-1].tolist())


def bars(
    names: Sequence[str] | None,
    values: Array,
    title: str = "",
    subtitle: str = "",
    top: int = 20,
    style: Style | None = None,
) -> Image.Image:
    """Draw the `top` strongest of `values`, an array of any shape, as signed bars from a common zero line.

    names: one for each value; None numbers them. style: cmap, sign, threshold and font of it are used.
    Raises BadInputError where there are not as many names as values, NumericalError for NaN or Inf.
    """
    style = style or Style()
    rows, others = strongest(names, values, top, style)
    big, small = font(20, style.font), font(15, style.font)
    room = _WIDTH - 2 * _MARGIN
    heads, subs, below = (
        wrapped(title, big, room),
        wrapped(subtitle, small, room),
        wrapped(others, small, room),
    )
    start = _MARGIN + len(heads) * line_height(big) + len(subs) * line_height(small) + (8 if heads or subs else 0)
    end = start + len(rows) * _ROW + 8
    sheet = Image.new("RGB", (_WIDTH, end + len(below) * line_height(small) + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    write(draw, (_MARGIN, write(draw, (_MARGIN, _MARGIN), heads, big, INK)), subs, small, FAINT)
    _rows(draw, start, rows, small, ends_of(style))
    write(draw, (_MARGIN, end), below, small, FAINT)
    return sheet


def _rows(draw: ImageDraw.ImageDraw, start: int, rows: list[Row], face: Font, inks: Inks) -> None:
    """Draw the label, the bar and the value of every row, from the height `start` on.

    Bars to the left and to the right of zero have the same scale, and leave room for the numbers.
    """
    labels = [shortened(name, face, _LABELS) for name, _ in rows]
    numbers = [number(value, "+") for _, value in rows]
    left = _MARGIN + max((width_of(label, face) for label in labels), default=0) + _GAP
    aside = max((width_of(text, face) for text in numbers), default=0) + 2 * _GAP
    low, high = (extreme((0.0, *(value for _, value in rows))) for extreme in (min, max))
    before = aside if low < 0 else _GAP
    unit = (_WIDTH - _MARGIN - left - before - aside) / ((high - low) or 1.0)
    zero = left + before - low * unit
    for i, (label, text, (_, value)) in enumerate(zip(labels, numbers, rows, strict=True)):
        middle = start + i * _ROW + _ROW // 2
        put(draw, (left - _GAP, middle), label, face, INK, "rm")
        end = zero + value * unit
        colour, step, anchor = (inks[1], _GAP // 2, "lm") if value >= 0 else (inks[0], -_GAP // 2, "rm")
        draw.rectangle((min(zero, end), middle - 8, max(zero, end), middle + 8), fill=colour)
        put(draw, (end + step, middle), text, face, INK, anchor)
    draw.line((zero, start, zero, start + len(rows) * _ROW), fill=FAINT)
