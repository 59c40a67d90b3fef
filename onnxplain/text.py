"""Plain text for people: tables, and the hint of an error about an unknown name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as a table whose columns are aligned, two blanks apart.

    >>> print(columns([("a", "bb"), ("ccc", "d")]))
    a    bb
    ccc  d
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


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
