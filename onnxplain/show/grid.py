"""A grid of explanations, as papers show them: a row for each input, target and model, a column for each method.

Columns that do not fit side by side follow below, with the inputs at their left again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from onnxplain.show.annotations import check_names
from onnxplain.show.choices import check_taken
from onnxplain.show.colour import scale_of, selected, signs_of
from onnxplain.show.legend import draw_legend
from onnxplain.show.page import Page
from onnxplain.show.style import Style
from onnxplain.show.text import FAINT, INK, Font, font, line_height, wrapped, write
from onnxplain.show.view import View, cell_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.colour import Scale

    Row: TypeAlias = Sequence[View | str]
    """What the methods show of one input: a view, or words where there is none."""

WIDTH = 1760
"""How wide a page is at most, in pixels, unless three columns alone are wider."""
LEAST, MOST = 160, 280
"""The least and the most pixels of the longer side of a cell."""
WIDE = 480
"""How wide a cell is that is no map: bars, words or a waveform."""
_MARGIN, _GAP, _LABEL, _SMALL, _BIG = 16, 8, 168, 13, 15
"""In pixels: the margin of the page, the gap between cells, the words at the left, and the sizes of the fonts."""


def grid(
    rows: Sequence[Mapping[str, Explanation | str]],
    names: Sequence[str] = (),
    models: Sequence[str] = (),
    style: Style | None = None,
) -> Page:
    """Lay out the cells under the names of their methods, with the input, its name and its class at the left.

    rows: for each input, the explanation by method, or the reason in words why there is none, which the cell then says.
    names: of the inputs, row by row. models: the name of the model of each row, where there are several: their rows of
    one input follow one another, and their maps by one method share a scale.
    """
    given = [n for row in rows for e in row.values() if not isinstance(e, str) for n in _names(e)]
    check_names(style or Style(), given)
    drawing = _Grid(rows, names or [""] * len(rows), models, style or Style())
    check_taken(replace(drawing.style, size=None), drawing.kinds)
    return drawing.page()


@dataclass(eq=False)
class _Grid:
    rows: Sequence[Mapping[str, Explanation | str]]
    names: Sequence[str]
    models: Sequence[str]
    style: Style

    @cached_property
    def seen(self) -> list[Row]:
        """The views, or words, row by row."""
        return [[e if isinstance(e, str) else cell_view(e, self.style) for e in row.values()] for row in self.rows]

    @cached_property
    def kinds(self) -> set[str]:
        """The kinds of all that is shown."""
        return {each.kind for row in self.seen for each in row if isinstance(each, View)}

    @cached_property
    def maps(self) -> bool:
        """Whether all that is shown is a map."""
        return self.kinds <= {"map"}

    @property
    def small(self) -> Font:
        """The font of what stands beside the cells."""
        return font(_SMALL, self.style.font)

    @property
    def big(self) -> Font:
        """The font of the headings."""
        return font(_BIG, self.style.font)

    @cached_property
    def grounds(self) -> list[View | None]:
        """For each row a view whose ground is the input; None where it cannot be shown alone."""
        maps = ([each for each in row if isinstance(each, View) and each.kind == "map"] for row in self.seen)
        return [next((each for each in row if each.ground is not None), None) for row in maps]

    @cached_property
    def across(self) -> int:
        """How many methods stand side by side."""
        given, inputs = len(self.rows[0]), 1 if any(self.grounds) else 0
        least = self.style.size or (LEAST if self.maps else WIDE)
        fitting = max((WIDTH - 2 * _MARGIN - _LABEL) // (least + _GAP) - inputs, 1)
        return math.ceil(given / math.ceil(given / fitting))

    @cached_property
    def side(self) -> int:
        """The longer side of a cell in pixels."""
        if self.style.size or not self.maps:
            return self.style.size or WIDE
        columns = self.across + (1 if any(self.grounds) else 0)
        return min(max((WIDTH - 2 * _MARGIN - _LABEL) // columns - _GAP, LEAST), MOST)

    @cached_property
    def scales(self) -> list[list[Scale | None]]:
        """The scale of each map, of its numbers as the cell shows them: a small cell has means of neighbours.

        The maps of a column have the same signs, and those of several models one scale, too.
        """
        shown = [[self._shown(each) for each in row] for row in self.seen]
        columns = [self._column(column) for column in zip(*shown, strict=True)]
        return [list(row) for row in zip(*columns, strict=True)]

    def _shown(self, each: View | str) -> Array | None:
        """Return the numbers that a cell shows, without those that the model does not see; None for no map."""
        if isinstance(each, str) or each.kind != "map":
            return None
        if max(each.relevance.shape) <= self.side:
            return selected(each.relevance, self.style.sign)
        numbers = each.map.at(each.map.fitted(self.side), self.style.sign)
        return np.asarray(numbers[np.isfinite(numbers)])

    def _column(self, shown: Sequence[Array | None]) -> list[Scale | None]:
        """Return the scales of the maps by one method."""
        found, several = [signs_of(each) for each in shown if each is not None], len(set(self.models)) or 1
        signs = any(low for low, _ in found), any(high for _, high in found)
        own = [None if each is None else scale_of(each, self.style, signs=signs) for each in shown]
        tops = [0.0 if each is None else each.top for each in own]
        shared = [max(tops[i - i % several : i - i % several + several]) for i in range(len(tops))]
        pairs = zip(shown, shared, strict=True)
        return [None if each is None else scale_of(each, self.style, top, signs) for each, top in pairs]

    def page(self) -> Page:
        """Return the whole page."""
        first = [None] if any(self.grounds) else []
        methods = list(range(len(self.rows[0])))
        blocks = [methods[i : i + self.across] for i in range(0, len(methods), self.across)]
        columns = len(first) + self.across
        page = Page(max(2 * _MARGIN + _LABEL + columns * (self.side + _GAP) - _GAP, 480))
        y = _MARGIN
        for block in blocks:
            y = self._block(page, [*first, *block], y) + 2 * _GAP
        if self.maps:
            shown = [each for row in self.scales for each in row if each is not None]
            unseen = any(v.words.unseen for row in self.seen for v in row if isinstance(v, View))
            noted = any(v.notes for row in self.seen for v in row if isinstance(v, View))
            corner = _MARGIN + _LABEL, y
            y = draw_legend(page, corner, shown, self.style, bool(self.models), unseen, noted, self.small)
        page.height = y + _MARGIN
        return page

    def _block(self, page: Page, columns: Sequence[int | None], y: int) -> int:
        """Place some columns (None is the input) with all rows from the height `y` on; return the height below."""
        names = ["input" if j is None else list(self.rows[0])[j] for j in columns]
        heads = [wrapped(name, self.big, self.side) for name in names]
        below = y + max(map(len, heads)) * line_height(self.big)
        across = [_MARGIN + _LABEL + i * (self.side + _GAP) for i in range(len(columns))]
        for x, head in zip(across, heads, strict=True):
            page.write((x, below - len(head) * line_height(self.big)), head, self.big)
        y = below + 4
        for i in range(len(self.seen)):
            cells = [self._cell(i, j) for j in columns]
            end = self._said(page, i, y)
            for x, cell in zip(across, cells, strict=True):
                page.put((x, y), cell)
            y = max(end, y + max(cell.height for cell in cells)) + _GAP
        return y

    def _said(self, page: Page, i: int, y: int) -> int:
        """Write what a row is at its left: the input and the model, class, probability and score."""
        views, room = [each for each in self.seen[i] if isinstance(each, View)], _LABEL - 2 * _GAP
        own = [*self.models[i : i + 1], self.names[i].replace("\\", "/").rpartition("/")[2]]
        for name in filter(None, own):
            y = page.write((_MARGIN, y), wrapped(name, self.small, room, 4), self.small, INK)
        if not views:
            return y
        label, _, rest = views[0].words.title.rpartition(": ")
        y = page.write((_MARGIN, y), wrapped(label, self.small, room, 4), self.small, INK)
        return page.write((_MARGIN, y), rest.split(", "), self.small, FAINT)

    def _cell(self, i: int, j: int | None) -> Image.Image:
        """Return the cell of a row: its input for None, or what its j-th method shows."""
        if j is None:
            ground = self.grounds[i]
            empty = Image.new("RGB", (self.side, self.side), "white")
            return empty if ground is None else ground.map.picture(ground.map.fitted(self.side))
        each = self.seen[i][j]
        if isinstance(each, str):
            return _words(each, self.side, self.small)
        scale = self.scales[i][j]
        if scale is not None:
            drawn = each.map.drawn(each.map.fitted(self.side), scale, each.style, each.notes)
            return drawn if scale.top else _marked(drawn, self.small)
        panel = each.panel()
        return panel.resize((self.side, round(panel.height * self.side / panel.width)), Image.Resampling.LANCZOS)


def _names(e: Explanation) -> list[str]:
    """Return where the rows of an explanation came from."""
    return e.record["input"]["names"] if "input" in e.record else []


def _marked(cell: Image.Image, face: Font) -> Image.Image:
    """Return a cell that says that there is nothing to see on it, where a map of zeros looks like the input."""
    (line, *_), high = wrapped("all relevance is 0", face, cell.width - 8), line_height(face) + 4
    cell.paste((245, 245, 245), (0, cell.height - high, cell.width, cell.height))
    write(ImageDraw.Draw(cell), (4, cell.height - high + 2), [line], face, FAINT)
    return cell


def _words(reason: str, side: int, face: Font) -> Image.Image:
    """Return a cell that says why there is no map."""
    lines = wrapped(reason, face, side - 16, most=10)
    cell = Image.new("RGB", (side, max(LEAST, len(lines) * line_height(face) + 16)), (245, 245, 245))
    write(ImageDraw.Draw(cell), (8, 8), lines, face, FAINT)
    return cell
