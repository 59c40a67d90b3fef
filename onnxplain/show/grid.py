"""A grid of explanations, as papers show them: a row for each input and model, a column for each method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw

from onnxplain.show.colour import robust_maximum
from onnxplain.show.text import FAINT, INK, font, line_height, wrapped, write
from onnxplain.show.view import View, view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.explanation import Explanation
    from onnxplain.show.style import Style
    from onnxplain.show.text import Font

    Row: TypeAlias = Sequence[View | str]
    """What the methods show of one input: a view, or words where there is none."""

SIDE = 240
"""The longer side of a cell in pixels. Where not all cells are maps, but bars or text, it is twice as long."""
_MARGIN, _GAP, _SMALL, _BIG = 16, 8, 13, 16
"""In pixels: the margin of the sheet, the gap between cells, and the sizes of the fonts."""
_NOTE = "full colour in each cell at its own 99th percentile of |R|; red speaks for the class"
_SHARED = (
    "full colour at the 99th percentile of |R|, the largest of those by all models for an input and a method; "
    "red speaks for the class"
)


def grid(
    rows: Sequence[Mapping[str, Explanation | str]], models: Sequence[str] = (), style: Style | None = None
) -> Image.Image:
    """Draw the cells under the names of their methods, with each input itself at the left where it can be shown.

    rows: for each input, the explanation by method, or the reason in words why there is none, which the cell then says.
    models: the name of the model of each row, where there are several: their rows of one input follow one another, and
    their maps by one method share a scale.
    """
    seen = [[each if isinstance(each, str) else view(each, 0, style) for each in row.values()] for row in rows]
    maps = all(each.kind == "map" for row in seen for each in row if isinstance(each, View))
    side, small = SIDE if maps else 2 * SIDE, font(_SMALL)
    tops, titles = _tops(seen, len(set(models)) or 1), [f"{name}\n" for name in models] or [""] * len(seen)
    lines = [_line(row, side, small, top, title) for row, top, title in zip(seen, tops, titles, strict=True)]
    names = ["", *rows[0]][-len(lines[0].cells) :]
    width = 2 * _MARGIN + len(names) * (side + _GAP) - _GAP
    head = _MARGIN + max(len(wrapped(name, font(_BIG), side)) for name in names) * line_height(font(_BIG)) + _GAP
    end = head + sum(line.height for line in lines)
    note = wrapped(_SHARED if models else _NOTE, small, width - 2 * _MARGIN) if maps else []
    whole = Image.new("RGB", (width, end + (len(note) or 1) * line_height(small) + _MARGIN), "white")
    draw = ImageDraw.Draw(whole)
    across = range(_MARGIN, width, side + _GAP)
    for x, name in zip(across, names, strict=False):
        write(draw, (x, _MARGIN), wrapped(name, font(_BIG), side), font(_BIG), INK)
    for line in lines:
        for x, cell in zip(across, line.cells, strict=False):
            whole.paste(cell, (x, head))
        write(draw, (_MARGIN, head + line.cells[0].height + 4), line.title, small, FAINT)
        head += line.height
    write(draw, (_MARGIN, end), note, small, FAINT)
    return whole


@dataclass(frozen=True)
class _Line:
    """One row of the grid: the cells of an input, its title in lines of text, and the height of both in pixels."""

    cells: list[Image.Image]
    title: list[str]
    height: int


def _tops(seen: Sequence[Row], models: int) -> list[list[float | None]]:
    """Return for each cell the |R| of full colour: None for its own, or the largest by all models of its input."""
    if models == 1:
        return [[None] * len(row) for row in seen]
    own = [[robust_maximum(each.relevance) if isinstance(each, View) else 0.0 for each in row] for row in seen]
    groups = [own[i - i % models : i - i % models + models] for i in range(len(seen))]
    return [[max(column) for column in zip(*group, strict=True)] for group in groups]


def _line(row: Row, side: int, face: Font, tops: Sequence[float | None], model: str) -> _Line:
    """Lay out one row: the input itself where it can be shown alone, then one cell for each method.

    tops: the |R| of full colour in each cell. model: stands before class and score in the title.
    """
    views = [each for each in row if isinstance(each, View)]
    pairs = zip(row, tops, strict=True)
    cells = [
        _words(each, side, face) if isinstance(each, str) else _fitted(_panel(each, top, side), side)
        for each, top in pairs
    ]
    if views and (ground := views[0].ground_panel(side, side)):
        cells.insert(0, _fitted(ground, side))
    title = wrapped(f"{model}{views[0].words.title if views else ''}", face, side)
    return _Line(cells, title, max(cell.height for cell in cells) + len(title) * line_height(face) + 2 * _GAP)


def _panel(each: View, top: float | None, side: int) -> Image.Image:
    if each.kind != "map":
        return each.panel()
    return each.panel(each.map.scale(each.style, top), side, side)


def _fitted(panel: Image.Image, side: int) -> Image.Image:
    """Return a picture whose longer side has at most `side` pixels.

    A smaller one is enlarged by a whole number, so that every pixel becomes a square; a larger one is averaged down.
    """
    most = max(panel.size)
    times = side // most if most <= side else side / most
    return panel.resize((round(panel.width * times), round(panel.height * times)), Image.Resampling.BOX)


def _words(reason: str, side: int, face: Font) -> Image.Image:
    """Return a cell that says why there is no map."""
    cell = Image.new("RGB", (side, side), (245, 245, 245))
    write(ImageDraw.Draw(cell), (8, 8), wrapped(reason, face, side - 16, most=10), face, FAINT)
    return cell
