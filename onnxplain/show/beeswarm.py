"""A beeswarm of a table: a dot for each row and column, at its contribution, in the colour of the column's value.

Columns stand one below the other, that of the largest mean |R| first. Dots that would lie on each other are stacked
away from the line of their column, in the order of the rows, so that a wide place is one where many rows lie; the same
numbers give the same picture. Source: Lundberg et al. 2018, whose library shap draws the like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.show.axes import round_step
from onnxplain.show.bar import WIDTH, ramp
from onnxplain.show.colour import Scale
from onnxplain.show.page import Line, Page
from onnxplain.show.scales import SPECTRUM, table
from onnxplain.show.text import FAINT, INK, Font, font, line_height, middled, shortened, width_of, wrapped
from onnxplain.show.words import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.show.style import Style
    from onnxplain.show.words import Words

_WIDTH, _MARGIN, _ROW, _GAP, _LABELS = 760, 16, 30, 8, 220
"""In pixels: the width of the sheet, its margin, the height of a row, the gap in it, and the widest label."""
DOT, _FINER = 7, 4
"""The diameter of a dot in pixels, and how much finer dots are drawn, so that their edges are smooth."""
_LINE, UNKNOWN = (225, 225, 225), (150, 150, 150)
"""The colours of the line on which a column's dots lie, and of dots whose value is missing or no number."""
MOST = 20
"""How many columns are drawn."""
RANGES = ((5, 95), (1, 99), (0, 100))
"""The percentiles of a column's values at the ends of the scale: the first two that differ."""


def beeswarm(names: Sequence[str] | None, relevance: Array, values: Array | None, words: Words, style: Style) -> Page:
    """Lay out the dots of `relevance` [N, columns], in the colours of `values` [N, columns], which may be words, too.

    names: of the columns; None numbers them. values: None where they are not known. style: cmap and font are used.
    Raises BadInputError where the shapes do not fit, NumericalError for NaN or Inf in the relevance.
    """
    labels = [f"feature {i}" for i in range(relevance.shape[1])] if names is None else list(names)
    if len(labels) != relevance.shape[1] or (values is not None and values.shape != relevance.shape):
        raise BadInputError(f"{len(labels)} names for R of {relevance.shape}, or not as many values")
    if not np.isfinite(relevance).all():
        raise NumericalError("the attribution contains NaN or Inf and cannot be shown")
    means = np.abs(relevance).mean(0)
    drawn = np.argsort(-means, kind="stable")[:MOST]
    columns = [_Column(labels[i], relevance[:, i], None if values is None else numbers_of(values[:, i])) for i in drawn]
    rest = len(labels) - len(columns)
    least = f"The other {rest} columns have a mean |R| of at most {number(float(means[drawn[-1]]))}." if rest else ""
    return _Sheet(columns, least, words, style).page()


@dataclass(frozen=True, eq=False)
class _Column:
    """A column of the table: its name, the relevance [N] and the values [N] of its rows, where these are numbers."""

    name: str
    relevance: Array
    values: Array | None

    def colours(self, scale: Array) -> Array:
        """Return the colour of each dot, uint8 RGB [N, 3], on a scale [255, 3] from low values to high ones."""
        found = np.full((len(self.relevance), 3), UNKNOWN, np.uint8)
        if self.values is None or not (known := np.isfinite(self.values)).any():
            return found
        ends = (np.percentile(self.values[known], pair) for pair in RANGES)
        low, high = next(((a, b) for a, b in ends if a < b), (self.values[known][0], self.values[known][0]))
        part = (self.values[known] - low) / (high - low) if low < high else np.full(known.sum(), 0.5)
        found[known] = scale[np.rint(part.clip(0, 1) * (len(scale) - 1)).astype(int)]
        return found


def numbers_of(values: Array) -> Array | None:
    """Return a column's values as numbers, NaN where one is missing; None where they are words."""
    try:
        return np.array([np.nan if each is None else each for each in values.tolist()], np.float64)
    except (TypeError, ValueError):
        return None


def swarm(places: Array, room: float) -> Array:
    """Return how far each dot is moved off its line, in pixels [N], of dots at `places` along it.

    The dots of each stretch of one diameter are stacked on both sides in turn, all of them closer than a diameter where
    those of one stretch would not fit in `room` pixels on each side else.
    """
    stretch = np.floor(places / DOT)
    order = np.argsort(stretch, kind="stable")
    _, first, count = np.unique(stretch[order], return_index=True, return_counts=True)
    rank = np.empty(len(places), int)
    rank[order] = np.arange(len(places)) - np.repeat(first, count)
    side = np.where(rank % 2, -1, 1) * ((rank + 1) // 2)
    return np.asarray(side * min(DOT, room / max(1, count.max(initial=1) // 2)))


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Return at most so many round numbers from low to high, in steps of 1, 2 or 5 times a power of ten."""
    step = round_step((high - low) / most)
    return [float(i * step) for i in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


@dataclass(eq=False)
class _Sheet:
    columns: Sequence[_Column]
    least: str
    words: Words
    style: Style

    def page(self) -> Page:
        """Return the page: title, rows of dots with their names, the axis, and the scale of the values."""
        big, small = font(20, self.style.font), font(15, self.style.font)
        page, room = Page(_WIDTH), _WIDTH - 2 * _MARGIN
        y = page.write((_MARGIN, _MARGIN), wrapped(self.words.title, big, room), big)
        y = page.write((_MARGIN, y), wrapped(self.words.subtitle, small, room), small, FAINT) + _GAP
        labels = [middled(each.name, small, _LABELS) for each in self.columns]
        left = _MARGIN + max(width_of(each, small) for each in labels) + _GAP
        known = any(each.values is not None for each in self.columns)
        wide = _WIDTH - _MARGIN - left - (WIDTH + line_height(small) + 3 * _GAP if known else 0)
        page.put((left, y), self._dots(wide))
        for i, label in enumerate(labels):
            page.lines.append(Line((left - _GAP, y + i * _ROW + _ROW // 2), label, small, INK, "rm"))
        if known:
            self._scale(page, (left + wide + 2 * _GAP, y), small)
        end = self._axis(page, (left, y + len(labels) * _ROW), wide, small)
        said = wrapped(self._said(known), small, room)
        page.height = page.write((_MARGIN, end + _GAP), said, small, FAINT) + _MARGIN
        return page

    def _span(self) -> tuple[float, float]:
        """Return the smallest and the largest number of the axis, of which one may be 0."""
        low = min(0.0, *(float(each.relevance.min()) for each in self.columns))
        high = max(0.0, *(float(each.relevance.max()) for each in self.columns))
        return (low, high) if low < high else (-1.0, 1.0)

    def _place(self, numbers: Array, wide: int) -> Array:
        """Return where numbers stand along the axis, in pixels."""
        low, high = self._span()
        return np.asarray(DOT + (numbers - low) * ((wide - 2 * DOT) / (high - low)))

    def _dots(self, wide: int) -> Image.Image:
        """Return the rows of dots, with the line of each and that of zero."""
        size = wide * _FINER, len(self.columns) * _ROW * _FINER
        sheet = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(sheet)
        for i in range(len(self.columns)):
            middle = round((i + 0.5) * _ROW * _FINER)
            draw.line((0, middle, size[0], middle), fill=_LINE, width=_FINER)
        zero = round(float(self._place(np.zeros(1), wide)[0]) * _FINER)
        draw.line((zero, 0, zero, size[1]), fill=FAINT, width=_FINER)
        scale = table(self.style.cmap or SPECTRUM)
        for i, column in enumerate(self.columns):
            across = self._place(column.relevance, wide)
            down = (i + 0.5) * _ROW + swarm(across, (_ROW - DOT) / 2)
            centres = np.rint(np.stack([across, down], axis=1) * 2) / 2
            _, seen = np.unique(centres[::-1], axis=0, return_index=True)  # of dots at one place the last is seen
            for k in np.sort(len(centres) - 1 - seen):
                x, y = centres[k]
                box = [round(float(each) * _FINER) for each in (x - DOT / 2, y - DOT / 2, x + DOT / 2, y + DOT / 2)]
                draw.ellipse(box, fill=tuple(column.colours(scale)[k].tolist()))
        return sheet.resize((wide, size[1] // _FINER), Image.Resampling.BOX)

    def _axis(self, page: Page, corner: tuple[int, int], wide: int, face: Font) -> int:
        """Place the axis with its numbers below the dots, and what they are; return the y below."""
        x, y = corner
        marks = Image.new("RGB", (wide, 5), "white")
        draw = ImageDraw.Draw(marks)
        draw.line((0, 0, wide, 0), fill=FAINT)
        numbers = ticks(*self._span())
        for each, at in zip(numbers, self._place(np.array(numbers), wide), strict=True):
            draw.line((round(float(at)), 0, round(float(at)), 5), fill=FAINT)
            page.lines.append(Line((x + float(at), y + 7), number(each) if each else "0", face, FAINT, "ma"))
        page.put(corner, marks)
        below = y + 7 + line_height(face)
        page.lines.append(Line((x + wide / 2, below), shortened(f"R: {self.words.unit}", face, wide), face, INK, "ma"))
        return below + line_height(face)

    def _scale(self, page: Page, corner: tuple[int, int], face: Font) -> None:
        """Place the scale of the values at the right of the dots."""
        (x, y), height = corner, len(self.columns) * _ROW
        page.put((x, y), ramp(Scale(table(self.style.cmap or SPECTRUM), 0.0, 1.0), (height, WIDTH)))
        text = shortened("value of the column, low to high", face, height)
        page.lines.append(Line((x + WIDTH + _GAP // 2, y + height // 2), text, face, FAINT, upright=True))

    def _said(self, known: bool) -> str:
        """Return in sentences what a dot is and what is left out."""
        several = known and any(each.values is None or np.isnan(each.values).any() for each in self.columns)
        grey = "Grey: no number." if several else ""
        return " ".join(filter(None, ("A dot is a row; columns in the order of their mean |R|.", grey, self.least)))
