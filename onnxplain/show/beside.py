"""The page of one row of several inputs that were explained together: what each of them got, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnxplain.errors import UsageError
from onnxplain.show.choices import check_taken
from onnxplain.show.page import Page
from onnxplain.show.text import FAINT, font, wrapped
from onnxplain.show.view import view
from onnxplain.show.words import number, words_of

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.show.style import Style
    from onnxplain.show.view import View
    from onnxplain.show.words import Words

WIDEST = 2400
"""The pixels of a line of pictures; those that do not fit stand below."""
_MARGIN = 16


def beside(e: Explanation, row: int | str, style: Style) -> Page:
    """Lay out the pictures of all inputs below what is said of them together.

    Each has a colour scale of its own: its numbers are of the elements of another input. Raises UsageError for "all".
    """
    if isinstance(row, str):
        raise UsageError(
            f"row={row!r}: several inputs are shown one row at a time; or take e.parts[...].image({row!r})"
        )
    shown = views(e, row, style)
    check_taken(style, [each.kind for each in shown])
    pages = [each.page() for each in shown]
    page, words = Page(0), words_of(e, row)
    big, small = font(22, style.font), font(16, style.font)
    corners, size = _placed([(each.width, each.height) for each in pages])
    page.width = size[0]
    room = page.width - 2 * _MARGIN
    y = page.write((_MARGIN, _MARGIN), wrapped(words.title, big, room), big)
    y = page.write((_MARGIN, y), wrapped(words.subtitle, small, room), small, FAINT)
    for (left, top), each in zip(corners, pages, strict=True):
        for (a, b), picture in each.pictures:
            page.put((a + left, b + top + y), picture)
        page.lines += [line._replace(place=(line.place[0] + left, line.place[1] + top + y)) for line in each.lines]
    page.height = y + size[1]
    return page


def views(e: Explanation, row: int, style: Style | None = None) -> list[View]:
    """Return how each input is shown, with its name and, where the numbers are parts of one, their sum above it."""
    shown = {name: view(part, row, style) for name, part in e.parts.items()}  # which refuse a row that is not there
    words, found = words_of(e, row), []
    for name, seen in shown.items():
        part = e.parts[name]
        said = replace(seen.words, title=name, subtitle=_sum(words, float(part.attribution[row].sum(dtype="float64"))))
        found.append(replace(seen, words=said))
    return found


def _sum(words: Words, total: float) -> str:
    """Return in words what the attributions of an input sum to; "" where all inputs together share nothing out."""
    if words.due is None:
        return ""
    return f"sums to {number(total, '+')}, {words.share(total, '+')} of {words.of}"


def _placed(sizes: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Return the corners of pictures of these widths and heights, in lines, and the width and height of all."""
    corners, x, y, height, width = [], 0, 0, 0, 0
    for across, down in sizes:
        if x and x + across > WIDEST:
            x, y, height = 0, y + height, 0
        corners.append((x, y))
        x, height = x + across, max(height, down)
        width = max(width, x)
    return corners, (width, y + height)
