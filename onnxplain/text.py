"""Plain text for people: names that no terminal obeys, tables, and the hint of an error about an unknown name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    r"""Return `text` with all that a terminal obeys or hides escaped, as Python writes it: controls and line breaks.

    Names in a file are anyone's words. With an escape in it, a name could colour, move or delete what was printed; with
    a line break, it could add a line of its own to a table.

    >>> print(printable("red \x1b[31m, \u202eturned, two\nlines"))
    red \x1b[31m, \u202eturned, two\nlines
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells, made printable, as a table whose columns are aligned, two blanks apart.

    >>> print(columns([("a", "bb"), ("ccc", "d")]))
    a    bb
    ccc  d
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in shown)


def offer(name: object, known: Iterable[str]) -> str:
    """Return the hint of an error about an unknown name: the names most like it, or all that are known.

    >>> offer("gradiant", ["gradient", "deeplift"])
    "did you mean 'gradient'?"
    >>> offer("cam", ["gradient", "deeplift"])
    'known: gradient, deeplift'
    """
    names = list(known)
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(names)}"
