"""Names that nothing else has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Names:
    """A set of names that are taken. A new name costs the same however many there are already."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def fresh(self, stem: str) -> str:
        """Return `stem`, or `stem_1`, `stem_2`, ... where that is taken; from now on, the name is taken too."""
        name, i = stem, self._last.get(stem, 0)
        while name in self._taken or not name:
            i += 1
            name = f"{stem}_{i}"
        self._last[stem] = i
        self._taken.add(name)
        return name
