"""Text on pictures, in any language: letters that no font at hand has are shown as code points, such as U+4E2D."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from onnxplain.show.fonts import OWN, Source, at_size, has, with_letters

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import ImageDraw

INK, FAINT = (34, 34, 34), (110, 110, 110)
"""The colours of text, RGB: of what matters, and of what stands beside it."""
_WIDE = "\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
"""Letters of Chinese, Japanese and Korean, between which a line may break."""
_UNITS = re.compile(rf"\s*[{_WIDE}]|\s*[^\s{_WIDE}]+(?: %[^\s{_WIDE}]*)?")
"""What a line is broken between: words, with the sign of a percentage at its number, and letters without spaces."""
_PIECES = re.compile(r"[^_/\\.,-]*[_/\\.,-]*")
"""What a word without spaces, such as the name of a file, may be broken into where it has to."""


@dataclass(frozen=True)
class Font:
    """A font at a size in pixels, and those that stand in for letters which it lacks."""

    size: int
    source: Source = OWN

    def runs(self, text: str) -> list[tuple[Source, str]]:
        """Return a line of text in parts of one font each.

        It is one part where a font has all of its letters. What no font has is in the text as code points.
        """
        letters = frozenset(text)
        if all(has(self.source, each) for each in letters):
            return [(self.source, text)]
        whole = with_letters(letters)
        if whole is not None:
            return [(whole, text)]
        known = [(self._of(each), each) for each in _clusters(text)]
        parts = [(source or self.source, each if source else _code(each)) for source, each in known]
        return [
            (source, "".join(each for _, each in group)) for source, group in groupby(parts, key=lambda part: part[0])
        ]

    def _of(self, cluster: str) -> Source | None:
        """Return the font of a letter with its accents; None where there is none."""
        if all(has(self.source, each) for each in cluster):
            return self.source
        return with_letters(frozenset(cluster))


def whole(text: str, face: Font) -> tuple[Source, str]:
    """Return a text in one font, which the text as it is may need: with code points for what that font lacks."""
    runs = face.runs(text)
    source = runs[0][0] if len(runs) == 1 else face.source
    return source, "".join(part if which == source else _code(part) for which, part in runs)


def font(size: int, path: str | Path | None = None) -> Font:
    """Return the font of a file, or Pillow's own, at a size in pixels. Raises UsageError for a file that is no font."""
    found = Font(size, OWN if path is None else Source(str(path)))
    at_size(found.source, size)
    return found


def drawable(text: str) -> str:
    r"""Return `text` as it is drawn: composed letters, blanks for whitespace, and code points for what is no letter.

    >>> drawable("cre\u0300me\tbru\u0302le\u0301e \u202e\x1b")
    'crème brûlée U+202EU+001B'
    """
    plain = unicodedata.normalize("NFC", text)
    return "".join(" " if c.isspace() else c if c.isprintable() else _code(c) for c in plain)


def _code(cluster: str) -> str:
    return "".join(f"U+{ord(each):04X}" for each in cluster)


def _clusters(text: str) -> list[str]:
    """Return the letters of a text, each with the accents behind it."""
    found: list[str] = []
    for each in text:
        if found and unicodedata.combining(each):
            found[-1] += each
        else:
            found.append(each)
    return found


@lru_cache(4096)
def width_of(text: str, face: Font) -> int:
    """Return how many pixels wide `text` is on one line."""
    return round(sum(at_size(source, face.size).getlength(part) for source, part in face.runs(text)))


@lru_cache(256)
def line_height(face: Font) -> int:
    """Return the distance from one line to the next, in pixels."""
    return round(1.25 * (at_size(face.source, face.size).getbbox("Ag|")[3]))


def shortened(text: str, face: Font, room: int) -> str:
    """Return `text`, cut and ended by "..." where it is wider than `room` pixels."""
    text = drawable(text)
    if width_of(text, face) <= room:
        return text
    fitting = bisect_right(range(len(text)), room, key=lambda length: width_of(text[:length] + "...", face))
    return text[: max(fitting - 1, 0)].rstrip() + "..."


def middled(text: str, face: Font, room: int) -> str:
    """Return `text`, with "..." for its middle where it is wider than `room` pixels.

    Names of columns often begin alike, and their values stand at the end.
    """
    text = drawable(text)
    if width_of(text, face) <= room:
        return text

    def cut(kept: int) -> str:
        return f"{text[: kept - kept // 2].rstrip()}...{text[len(text) - kept // 2 :].lstrip()}"

    fitting = bisect_right(range(len(text)), room, key=lambda kept: width_of(cut(kept), face))
    return cut(max(fitting - 1, 0))


def wrapped(text: str, face: Font, room: int, most: int = 3) -> list[str]:
    """Return `text` in lines of at most `room` pixels, broken at its own line breaks and at spaces.

    There are at most `most` lines between two of its own breaks; the last of them is cut where more text follows.
    """
    return [line for part in text.split("\n") for line in _wrapped(part, face, room, most)]


def _wrapped(text: str, face: Font, room: int, most: int) -> list[str]:
    lines: list[str] = []
    for unit in (part for word in _UNITS.findall(drawable(text)) for part in _broken(word, face, room)):
        joined = f"{lines[-1]}{unit}" if lines else unit.lstrip()
        if lines and (len(lines) == most or width_of(joined, face) <= room):
            lines[-1] = joined
        else:
            lines.append(unit.lstrip())
    return [shortened(line, face, room) for line in lines]


def _broken(word: str, face: Font, room: int) -> list[str]:
    """Return a word in the pieces between which it may be broken: one, unless it is too wide for a line."""
    return [word] if width_of(word.lstrip(), face) <= room else [each for each in _PIECES.findall(word) if each]


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
    """Draw one line of text; `anchor` says which point of it lies at `place` (x, y), as in Pillow.

    Its first letter is l, m or r: left, middle, right; its second a, m or d: the top, the middle or the bottom of a
    line of the font, by which parts in other fonts stand on one line, too.
    """
    up, down = at_size(face.source, face.size).getmetrics()
    x, y = place
    x -= {"l": 0.0, "m": width_of(text, face) / 2, "r": width_of(text, face)}[anchor[0]]
    base = y + {"a": up, "m": up - (up + down) / 2, "d": -down}[anchor[1]]
    for source, part in face.runs(text):
        own = at_size(source, face.size)
        draw.text((x, base), part, font=own, fill=ink, anchor="ls")
        x += own.getlength(part)
