"""Clusters of maps, one below the other: the mean map of each, and the maps of its exemplars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxplain.show.choices import check_taken
from onnxplain.show.legend import draw_legend
from onnxplain.show.page import Page
from onnxplain.show.panel import Map
from onnxplain.show.text import FAINT, INK, font, line_height, shortened, wrapped
from onnxplain.show.view import cell_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.colour import Scale
    from onnxplain.show.style import Style
    from onnxplain.show.view import View

SIDE, WIDE = 200, 420
"""The longer side of a map, and the width of a cell that is none, in pixels."""
_MARGIN, _GAP, _LABEL, _SMALL, _BIG = 16, 8, 190, 13, 15
"""In pixels: the margin of the page, the gap between cells, the words at the left, and the sizes of the fonts."""


@dataclass(frozen=True, eq=False)
class Strategy:
    """What is drawn of a cluster. lines: what is written beside it. mean: its mean map. exemplars: of its members."""

    lines: Sequence[str]
    mean: Array
    exemplars: Sequence[Explanation]


def strategies_page(found: Iterable[Strategy], style: Style) -> Page:
    """Lay out clusters one below the other: at the left what each is, then its mean map, then its exemplars."""
    small, big = font(_SMALL, style.font), font(_BIG, style.font)
    drawn = [(each, [cell_view(e, style) for e in each.exemplars]) for each in found]
    check_taken(replace(style, size=None), [seen.kind for _, views in drawn for seen in views])
    rows = [(each, *_cells(each, views, style)) for each, views in drawn]
    side = max(cell.width for _, cells, _, _ in rows for cell in cells)
    most = max(len(cells) for _, cells, _, _ in rows)
    page = Page(2 * _MARGIN + _LABEL + most * (side + _GAP))
    across = [_MARGIN + _LABEL + i * (side + _GAP) for i in range(most)]
    heads = ["mean map", "exemplars"] if any(scales for _, _, scales, _ in rows) else ["exemplars"]
    y = _MARGIN
    for x, head in zip(across, heads, strict=False):
        page.write((x, y), [head], big)
    y += line_height(big) + 4
    for each, cells, _, names in rows:
        end = y
        for i, line in enumerate(each.lines):
            end = page.write((_MARGIN, end), wrapped(line, small, _LABEL - 2 * _GAP, 12), small, FAINT if i else INK)
        for x, cell, name in zip(across, cells, names, strict=False):
            page.put((x, y), cell)
            page.write((x, y + cell.height + 2), [shortened(name, small, side)], small, FAINT)
        y = max(end, y + max(cell.height for cell in cells) + line_height(small) + 2) + _GAP
    scales = [scale for _, _, each, _ in rows for scale in each]
    if scales:
        noted = any(seen.notes for _, views in drawn for seen in views)
        unseen = any(seen.words.unseen for _, views in drawn for seen in views)
        y = draw_legend(page, (_MARGIN + _LABEL, y), scales, style, False, unseen, noted, small)
    page.height = y + _MARGIN
    return page


def _cells(each: Strategy, views: list[View], style: Style) -> tuple[list[Image.Image], list[Scale], list[str]]:
    """Return the pictures of a cluster, the scales of its maps, and what is written below each picture."""
    names = [_name(e) for e in each.exemplars]
    if any(seen.kind != "map" for seen in views):
        panels, wide = [seen.panel() for seen in views], style.size or WIDE
        return [panel.resize((wide, round(panel.height * wide / panel.width))) for panel in panels], [], names
    mean, side = Map(each.mean.squeeze()), style.size or SIDE
    scales = [shown.scale(style) for shown in (mean, *(seen.map for seen in views))]
    cells = [mean.drawn(mean.fitted(side), scales[0], style)]
    pairs = zip(views, scales[1:], strict=True)
    cells += [seen.map.drawn(seen.map.fitted(side), scale, style, seen.notes) for seen, scale in pairs]
    return cells, scales, ["", *names]


def _name(e: Explanation) -> str:
    return e.record["input"]["names"][0].replace("\\", "/").rpartition("/")[2]
