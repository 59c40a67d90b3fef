"""An extension of griffe, which mkdocstrings reads docstrings with: each "name: what it is" becomes an item of a list.

The docstrings of the package state parameters and attributes as lines of plain text, which Markdown would run together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTS = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")
NO_NAME = {"Source", "Raises", "Example"}
"""What begins a sentence with a colon, and is no parameter."""


def itemised(text: str, known: set[str]) -> str:
    """Return a docstring in which each parameter begins an item of a list, those amid a line by their `known` names."""
    names = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    if names:
        text = re.sub(rf"(?<=\.) ((?:{names})(?:, (?:{names}))*: )", r"\n\1", text)
    return "\n".join(_lines(text.splitlines()))


def _lines(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        found = STARTS.match(line)
        if found and found["names"] not in NO_NAME:
            if not inside:
                yield ""
            inside = True
            yield f"- **{found['names']}**: {found['text']}"
        elif inside and line.strip() and not line.startswith(" "):
            yield f"  {line}"
        else:
            inside = False
            yield line


def _known(obj: griffe.Object) -> set[str]:
    """Return the names that a docstring may state: parameters of a function, attributes and parameters of a class."""
    if isinstance(obj, griffe.Function):
        return {each.name for each in obj.parameters}
    if isinstance(obj, griffe.Class):
        return set(obj.attributes) | {each.name for each in obj.parameters}
    return set()


class Parameters(griffe.Extension):
    """Rewrite each docstring as it is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """See `griffe.Extension`."""
        if obj.docstring:
            obj.docstring.value = itemised(obj.docstring.value, _known(obj))
