"""The legend of a grid: one bar for each kind of scale in it, and what colours, lines and hatches mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.show.bar import ramp
from onnxplain.show.page import Line
from onnxplain.show.text import FAINT, line_height, width_of, wrapped
from onnxplain.show.words import how_scaled, lines_said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.show.colour import Scale
    from onnxplain.show.page import Page
    from onnxplain.show.style import Style
    from onnxplain.show.text import Font

_BAR, _GAP, _APART = 150, 8, 40
"""In pixels: the length of a bar, the gap between it and its words, and that between two bars."""


def draw_legend(
    page: Page,
    corner: tuple[int, int],
    scales: Sequence[Scale],
    style: Style,
    shared: bool,
    unseen: bool,
    noted: bool,
    face: Font,
) -> int:
    """Place the legend at `corner` (x, y), and return the y below it.

    shared: whether maps by several models share a scale. unseen: whether a part of a picture is hatched. noted: whether
    annotations are outlined. A grid of maps of zeros alone has no bar.
    """
    x, y = corner
    kinds = {(scale.low < 0, scale.high > 0): scale for scale in scales if scale.top}
    step = line_height(face)
    for (negative, positive), scale in sorted(kinds.items(), reverse=True):
        left = "against the class" if negative else "0"
        right = "for the class" if negative and positive else "0" if negative else "most"
        whole = width_of(left, face) + width_of(right, face) + _BAR + 2 * _GAP
        if x + whole > page.width - 16 and x > corner[0]:
            x, y = corner[0], y + step + _GAP
        page.lines.append(Line((x, y), left, face, FAINT))
        at = x + width_of(left, face) + _GAP
        page.put((at, y + 1), ramp(scale, (step - 2, _BAR)))
        page.lines.append(Line((at + _BAR + _GAP, y), right, face, FAINT))
        x += whole + _APART
    y += step + _GAP if kinds else 0
    said = "; the largest of those by all models for an input and a method" if shared else " of each cell"
    text = f"Full colour: {how_scaled(style)}{said}. {lines_said(style, unseen=unseen, noted=noted)}"
    return page.write((corner[0], y), wrapped(text, face, page.width - corner[0] - 16), face, FAINT)
