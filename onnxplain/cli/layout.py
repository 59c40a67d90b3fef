"""Text for a terminal, in lines that fit it."""

from __future__ import annotations

from shutil import get_terminal_size
from textwrap import indent, wrap

WIDEST = 100
"""Columns; longer lines are hard to read."""


def block(text: str, blanks: int = 0, hanging: int = 0) -> str:
    """`text` moved in by `blanks`, its line breaks kept; a line that goes on is moved in by `hanging` more.

    >>> print(block("one two", 4))
        one two
    """
    width = min(get_terminal_size().columns, WIDEST) - blanks
    lines = [part for line in text.splitlines() for part in _wrapped(line, width, " " * hanging)]
    return indent("\n".join(lines), " " * blanks)


def _wrapped(line: str, width: int, hang: str) -> list[str]:
    own = line[: len(line) - len(line.lstrip())]
    return wrap(line, width, subsequent_indent=own + hang, break_long_words=False, break_on_hyphens=False)
