"""Pairs of maps of one input side by side: the input, both maps in one scale, and what the second has more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.show.choices import check_taken
from onnxplain.show.colour import scale_of, selected, signs_of
from onnxplain.show.legend import draw_legend
from onnxplain.show.page import Page
from onnxplain.show.text import FAINT, INK, font, line_height, wrapped
from onnxplain.show.view import cell_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.colour import Scale
    from onnxplain.show.style import Style
    from onnxplain.show.text import Font
    from onnxplain.show.view import View

SIDE, WIDE = 240, 420
"""The longer side of a map, and the width of a cell that is none, in pixels."""
_MARGIN, _GAP, _LABEL, _SMALL, _BIG = 16, 8, 190, 13, 15
"""In pixels: the margin of the page, the gap between cells, the words at the left, and the sizes of the fonts."""
_FIRST = {2: 1, 3: 1, 4: 0}
"""By the number of columns, the first head: pairs that are no maps have no difference, and some no input to show."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two explanations of one row, and lines that are written beside them; the first is the name of the input."""

    lines: Sequence[str]
    a: Explanation
    b: Explanation


def pairs_page(pairs: Iterable[Pair], names: tuple[str, str], style: Style) -> Page:
    """Lay out pairs one below the other, under the names of what made the first and the second of each."""
    seen = [(pair.lines, [cell_view(each, style) for each in (pair.a, pair.b)]) for pair in pairs]
    check_taken(replace(style, size=None), [each.kind for _, views in seen for each in views])
    rows = [_row(lines, views, style) for lines, views in seen]
    cells = max(len(row.cells) for row in rows)
    heads = ("input", *names, "second less first")[_FIRST[cells] : _FIRST[cells] + cells]
    side = max(cell.width for row in rows for cell in row.cells)
    page = Page(2 * _MARGIN + _LABEL + cells * (side + _GAP))
    big, small = font(_BIG, style.font), font(_SMALL, style.font)
    across = [_MARGIN + _LABEL + i * (side + _GAP) for i in range(cells)]
    written = [wrapped(head, big, side) for head in heads]
    y = _MARGIN + max(map(len, written)) * line_height(big)
    for x, head in zip(across, written, strict=True):
        page.write((x, y - len(head) * line_height(big)), head, big)
    y += 4
    for row in rows:
        end = _beside(page, row.lines, y, small)
        for x, cell in zip(across[_FIRST[len(row.cells)] - _FIRST[cells] :], row.cells, strict=False):
            page.put((x, y), cell)
        y = max(end, y + max(cell.height for cell in row.cells)) + _GAP
    scales = [row.scale for row in rows if row.scale is not None]
    if scales:
        unseen, noted = any(row.unseen for row in rows), any(row.noted for row in rows)
        y = draw_legend(page, (_MARGIN + _LABEL, y), scales, style, True, unseen, noted, small)
    page.height = y + _MARGIN
    return page


@dataclass(frozen=True, eq=False)
class _Row:
    """What is drawn of a pair. scale: of its maps, None where they are none."""

    lines: Sequence[str]
    cells: list[Image.Image]
    scale: Scale | None = None
    unseen: bool = False
    noted: bool = False


def _row(lines: Sequence[str], seen: list[View], style: Style) -> _Row:
    if any(each.kind != "map" for each in seen):
        panels, wide = [each.panel() for each in seen], style.size or WIDE
        return _Row(lines, [each.resize((wide, round(each.height * wide / each.width))) for each in panels])
    side = style.size or SIDE
    ground = next((each for each in seen if each.ground is not None), None)
    seen = [_on(each, ground) for each in seen]
    maps = [*seen, replace(seen[1], relevance=seen[1].relevance - seen[0].relevance)]
    shown = [_numbers(each, side, style) for each in maps]
    signs = [signs_of(each) for each in shown]
    both = any(low for low, _ in signs), any(high for _, high in signs)
    top = max(scale_of(each, style, signs=both).top for each in shown[:2])
    scale = scale_of(shown[0], style, top, both)
    cells = [each.map.drawn(each.map.fitted(side), scale, style, each.notes) for each in maps]
    first = [] if ground is None else [ground.map.picture(ground.map.fitted(side))]
    return _Row(lines, [*first, *cells], scale, seen[0].words.unseen, any(each.notes for each in seen))


def _on(each: View, ground: View | None) -> View:
    """Return a view on the picture of another view where it has none of its own."""
    if each.ground is not None or ground is None:
        return each
    return replace(each, ground=ground.ground, placement=ground.placement)


def _numbers(each: View, side: int, style: Style) -> Array:
    """Return the numbers that a cell shows: a small cell has means of neighbours."""
    if max(each.relevance.shape) <= side:
        return selected(each.relevance, style.sign)
    numbers = each.map.at(each.map.fitted(side), style.sign)
    return np.asarray(numbers[np.isfinite(numbers)])


def _beside(page: Page, lines: Sequence[str], y: int, face: Font) -> int:
    """Write lines at the left, and return the height below them."""
    for i, line in enumerate(lines):
        y = page.write((_MARGIN, y), wrapped(line, face, _LABEL - 2 * _GAP, 3), face, FAINT if i else INK)
    return y
