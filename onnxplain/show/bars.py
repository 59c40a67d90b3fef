"""Attributions of named features as horizontal bars: blue to the left of zero for negative ones, red to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show.colour import selected
from onnxplain.show.page import Line, Page
from onnxplain.show.scales import DIVERGING, table
from onnxplain.show.style import Style, limit
from onnxplain.show.text import FAINT, INK, Font, font, middled, width_of, wrapped
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
) -> Page:
    """Lay out the `top` strongest of `values`, an array of any shape, as signed bars from a common zero line.

    names: one for each value; None numbers them. style: cmap, sign, threshold and font of it are used.
    Raises BadInputError where there are not as many names as values, NumericalError for NaN or Inf.
    """
    style = style or Style()
    rows, others = strongest(names, values, top, style)
    big, small = font(20, style.font), font(15, style.font)
    page = Page(_WIDTH)
    start = page.head(title, subtitle, big, small, _MARGIN)
    _rows(page, start, rows, small, ends_of(style))
    end = start + len(rows) * _ROW + 8
    page.height = page.write((_MARGIN, end), wrapped(others, small, _WIDTH - 2 * _MARGIN), small, FAINT) + _MARGIN
    return page


def _rows(page: Page, start: int, rows: list[Row], face: Font, inks: Inks) -> None:
    """Place the label, the bar and the value of every row, from the height `start` on.

    Bars to the left and to the right of zero have the same scale, and leave room for the numbers.
    """
    labels = [middled(name, face, _LABELS) for name, _ in rows]
    numbers = [number(value, "+") for _, value in rows]
    left = _MARGIN + max((width_of(label, face) for label in labels), default=0) + _GAP
    aside = max((width_of(text, face) for text in numbers), default=0) + 2 * _GAP
    low, high = (extreme((0.0, *(value for _, value in rows))) for extreme in (min, max))
    before = aside if low < 0 else _GAP
    unit = (_WIDTH - _MARGIN - left - before - aside) / ((high - low) or 1.0)
    zero = left + before - low * unit
    page.put((0, start), Image.new("RGB", (_WIDTH, max(1, len(rows) * _ROW)), "white"))
    draw = ImageDraw.Draw(page.pictures[-1][1])
    for i, (label, text, (_, value)) in enumerate(zip(labels, numbers, rows, strict=True)):
        middle = i * _ROW + _ROW // 2
        page.lines.append(Line((left - _GAP, start + middle), label, face, INK, "rm"))
        end = zero + value * unit
        colour, step, anchor = (inks[1], _GAP // 2, "lm") if value >= 0 else (inks[0], -_GAP // 2, "rm")
        draw.rectangle((min(zero, end), middle - 8, max(zero, end), middle + 8), fill=colour)
        page.lines.append(Line((end + step, start + middle), text, face, INK, anchor))
    draw.line((zero, 0, zero, len(rows) * _ROW), fill=FAINT)
