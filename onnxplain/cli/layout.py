"""Text for a terminal, in lines that fit its width."""

from __future__ import annotations

from shutil import get_terminal_size
from textwrap import indent, wrap

WIDEST = 100
"""The longest line in characters: on a wide terminal, longer ones would be hard to read."""


def block(text: str, blanks: int = 0, hanging: int = 0) -> str:
    """Return `text` indented by `blanks`, with its own line breaks and, where a line is too long, with further ones.

    What follows a further line break is indented by `hanging` more.

    >>> print(block("one two", 4))
        one two
    """
    width = min(get_terminal_size().columns, WIDEST) - blanks
    lines = [part for line in text.splitlines() for part in _wrapped(line, width, " " * hanging)]
    return indent("\n".join(lines), " " * blanks)


def _wrapped(line: str, width: int, hang: str) -> list[str]:
    """Return a line broken into lines of at most `width` characters; all but the first add `hang` to its indent."""
    own = line[: len(line) - len(line.lstrip())]
    return wrap(line, width, subsequent_indent=own + hang, break_long_words=False, break_on_hyphens=False)
