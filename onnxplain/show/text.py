"""Text on pictures, in the font that comes with Pillow, so that it looks the same on every machine."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from PIL import ImageDraw

INK, FAINT = (34, 34, 34), (110, 110, 110)
"""The colours of text, RGB: of what matters, and of what stands beside it."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font(size: int) -> Font:
    """Return the font at a size in pixels."""
    return ImageFont.load_default(size)


def drawable(text: str) -> str:
    """Return `text` in characters that the font has: accents are dropped, other scripts become question marks.

    >>> drawable("crème brûlée ±1")
    'creme brulee ±1'
    """
    plain = unicodedata.normalize("NFKD", text)
    return "".join(
        c if c == "±" or (c.isascii() and c.isprintable()) else "?" for c in plain if not unicodedata.combining(c)
    )


def width_of(text: str, face: Font) -> int:
    """Return how many pixels wide `text` is on one line."""
    return round(face.getlength(text))


def line_height(face: Font) -> int:
    """Return the distance from one line to the next, in pixels."""
    return round(1.25 * (face.getbbox("Ag|")[3]))


def shortened(text: str, face: Font, room: int) -> str:
    """Return `text`, cut and ended by "..." where it is wider than `room` pixels."""
    text = drawable(text)
    if width_of(text, face) <= room:
        return text
    fitting = bisect_right(range(len(text)), room, key=lambda length: width_of(text[:length] + "...", face))
    return text[: max(fitting - 1, 0)].rstrip() + "..."


def wrapped(text: str, face: Font, room: int, most: int = 3) -> list[str]:
    """Return `text` in lines of at most `room` pixels, broken at its own line breaks and at spaces.

    There are at most `most` lines between two of its own breaks; the last of them is cut where more text follows.
    """
    return [line for part in text.split("\n") for line in _wrapped(part, face, room, most)]


def _wrapped(text: str, face: Font, room: int, most: int) -> list[str]:
    lines: list[str] = []
    for word in drawable(text).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == most or width_of(joined, face) <= room):
            lines[-1] = joined
        else:
            lines.append(word)
    return [shortened(line, face, room) for line in lines]


def write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    lines: list[str],
    face: Font,
    ink: tuple[int, int, int],
) -> int:
    """Draw `lines` one below the other from `corner` (x, y) on, and return the y below the last one."""
    x, y = corner
    for line in lines:
        put(draw, (x, y), line, face, ink)
        y += line_height(face)
    return y


def put(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    face: Font,
    ink: tuple[int, int, int],
    anchor: str = "la",
) -> None:
    """Draw one line of text; `anchor` is Pillow's, and says which point of the text lies at `place` (x, y)."""
    draw.text(place, text, font=face, fill=ink, anchor=anchor)
