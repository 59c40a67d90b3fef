"""Places: where the rows of a batch lie in a value."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Length: TypeAlias = "int | str | None"
"""The length of an axis as the graph states it: a number, a name, or None where it is open."""


class MeetError(Exception):
    """Entries of different rows meet at a node, or the rows are summed up there."""


class OpenError(Exception):
    """It is not known what a node makes of the rows."""


@dataclass(frozen=True)
class Product:
    """A product of lengths, some of which are known by name only."""

    number: int = 1
    names: tuple[str, ...] = ()

    def __mul__(self, other: Product) -> Product:
        return Product(self.number * other.number, tuple(sorted(self.names + other.names)))

    def over(self, other: Product) -> Product | None:
        """Return the quotient; None where the other does not divide this one."""
        rest = Counter(self.names)
        rest.subtract(other.names)
        if not other.number or self.number % other.number or min(rest.values(), default=0) < 0:
            return None
        return Product(self.number // other.number, tuple(sorted(rest.elements())))


ONE = Product()


def product(lengths: Iterable[Length]) -> Product | None:
    """Return the product of the lengths; None where one of them is open."""
    given = list(lengths)
    if None in given:
        return None
    numbers = [each for each in given if isinstance(each, int)]
    return Product(math.prod(numbers), tuple(sorted(each for each in given if isinstance(each, str))))


@dataclass(frozen=True)
class Place:
    """The axis on which the rows of a value lie.

    outer, inner: the lengths of what lies outside and inside the rows on the same axis, after a Reshape has joined
    axes: the axis is outer · N · inner long for N rows. Both are ONE for an axis of rows alone.
    stated: the number of rows that a node requires, by a constant in which it is written; else None.
    """

    axis: int
    outer: Product = ONE
    inner: Product = ONE
    stated: int | None = field(default=None, compare=False)

    def at(self, axis: int) -> Place:
        """Return the place moved to another axis."""
        return replace(self, axis=axis)

    @property
    def alone(self) -> bool:
        """Whether the axis holds the rows and nothing besides."""
        return self.outer == self.inner == ONE


def reshaped(place: Place, shape: Sequence[Length], result: Sequence[Length], copied: int = 0) -> Place:
    """Return the place of the rows behind a Reshape from `shape` to `result`.

    The elements keep their order, so that as many lie outside the rows, and inside each, as before. copied: how many
    axes at the front certainly stay as they are. Raises OpenError where the lengths do not tell.
    """
    if place.axis < copied:
        return place
    before, behind = product(shape[: place.axis]), product(shape[place.axis + 1 :])
    found = []
    for axis, length in enumerate(result):
        outside, inside = product(result[:axis]), product(result[axis + 1 :])
        if before is None or behind is None or outside is None or inside is None:
            continue
        outer, inner = (before * place.outer).over(outside), (place.inner * behind).over(inside)
        if outer is not None and inner is not None:
            doubt, stated = _doubt(length, outer * inner, shape[place.axis])
            found.append((doubt, Place(axis, outer, inner, stated)))
    if not found:
        raise OpenError
    return min(found, key=lambda each: each[0])[1]


def _doubt(length: Length, beside: Product, before: Length) -> tuple[int, int | None]:
    """Return how doubtful it is that rows lie on an axis of this length, with `beside` on the same axis: 0, 1 or 2.

    Returns the number of rows too where the length states it, and the length `before` did not.
    """
    own, given = product([length]), product([before])
    rows = own and own.over(beside)
    if rows is None:
        return (0 if own is None else 2), None
    stated = rows.number if not rows.names and (given is None or given.names) else None
    return int(rows != given), stated
