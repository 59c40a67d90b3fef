"""A waterfall: from the base value, contribution by contribution, to the score."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.bars import ends_of, strongest
from onnxplain.show.page import Line, Page
from onnxplain.show.style import Style
from onnxplain.show.text import FAINT, INK, Font, font, middled, width_of
from onnxplain.show.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.show.bars import Inks

_WIDTH, _MARGIN, _ROW, _GAP, _LABELS = 760, 16, 26, 8, 260
"""In pixels: the width of the sheet, its margin, the height of a row, the gap in it, and the widest label."""
_LITTLE = 1e-3
"""What is missing between the contributions and the score is a row where it is more than this part of the largest."""


MISSING = "not accounted for"


class Step(NamedTuple):
    """A row of a waterfall: its name, and the places where its bar begins and ends. whole: whether it is no part.

    missing: whether it is what no contribution accounts for.
    """

    name: str
    start: float
    end: float
    whole: bool = False
    missing: bool = False


def steps(
    names: Sequence[str] | None, values: Array, base: float, score: float, top: int, style: Style | None = None
) -> list[Step]:
    """Return the rows: the base value, the strongest contributions, the others, what is not accounted for, the score.

    base: what contributions are added to. style: by its threshold, which belong to the others.
    Raises the errors of `strongest`.
    """
    rows, _ = strongest(names, values, top, style)
    parts = list(rows)
    if values.size > len(rows):
        parts.append((f"{values.size - len(rows)} others", float(np.sum(values)) - sum(each for _, each in rows)))
    gap = score - base - float(np.sum(values))
    if abs(gap) > _LITTLE * max(abs(score - base), float(np.abs(values).max(initial=0.0))):
        parts.append((MISSING, gap))
    found, at = [Step("base value", base, base, whole=True)], base
    for name, value in parts:
        found.append(Step(name, at, at + value, missing=name is MISSING))
        at += value
    return [*found, Step("score", score, score, whole=True)]


def waterfall(
    names: Sequence[str] | None,
    values: Array,
    base: float,
    score: float,
    title: str = "",
    subtitle: str = "",
    *,
    top: int = 20,
    style: Style | None = None,
) -> Page:
    """Lay out contributions to a score, the strongest first, each from where the one before it ends.

    names: one for each value. base: the score without any. style: cmap, threshold and font of it are used.
    Raises the errors of `strongest`.
    """
    style = style or Style()
    rows = steps(names, values, base, score, top, style)
    big, small, page = font(20, style.font), font(15, style.font), Page(_WIDTH)
    start = page.head(title, subtitle, big, small, _MARGIN)
    _rows(page, start, rows, small, ends_of(style))
    page.height = start + len(rows) * _ROW + _MARGIN
    return page


def _rows(page: Page, start: int, rows: Sequence[Step], face: Font, inks: Inks) -> None:
    """Place the name, the bar and the number of every row, from the height `start` on, in one scale."""
    labels = [middled(each.name, face, _LABELS) for each in rows]
    numbers = [number(each.end if each.whole else each.end - each.start, "" if each.whole else "+") for each in rows]
    left = _MARGIN + max(width_of(label, face) for label in labels) + _GAP
    aside = max(width_of(each, face) for each in numbers) + 2 * _GAP
    ends = [end for each in rows for end in (each.start, each.end)]
    low, high = min(ends), max(ends)
    unit = (_WIDTH - _MARGIN - left - 2 * aside) / ((high - low) or 1.0)
    page.put((0, start), Image.new("RGB", (_WIDTH, len(rows) * _ROW), "white"))
    draw = ImageDraw.Draw(page.pictures[-1][1])
    for i, (each, label, text) in enumerate(zip(rows, labels, numbers, strict=True)):
        top, middle = i * _ROW, i * _ROW + _ROW // 2
        page.lines.append(Line((left - _GAP, start + middle), label, face, INK, "rm"))
        a, b = (left + aside + (end - low) * unit for end in (each.start, each.end))
        if each.whole:
            draw.rectangle((a - 1, top + 4, a + 1, top + _ROW - 4), fill=INK)
        else:
            draw.rectangle(
                (min(a, b), middle - 8, max(a, b), middle + 8),
                fill=FAINT if each.missing else inks[1] if b >= a else inks[0],
            )
        if i + 1 < len(rows):
            draw.line((b, middle, b, middle + _ROW), fill=FAINT)
        after = b >= a
        place = b + (_GAP if after else -_GAP), start + middle
        page.lines.append(Line(place, text, face, INK, "lm" if after else "rm"))
