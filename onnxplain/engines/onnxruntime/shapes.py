"""Shapes of traced values: plain sizes, and sizes that grow with the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence


class BatchSizeNeededError(Exception):
    """A fact asked for the number of rows while it is a symbol; a trace for one batch size can answer."""


@dataclass(frozen=True)
class Rows:
    """`each` elements for every row of the batch: the length each * N."""

    each: int = 1

    def _refuse(self, *_: object) -> NoReturn:
        raise BatchSizeNeededError

    __index__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __mod__ = __lt__ = __gt__ = _refuse


Size = int | Rows
Shape = tuple[Size, ...]


def number(size: Size) -> int:
    """The size, where it is plain."""
    if isinstance(size, Rows):
        raise BatchSizeNeededError
    return size


def broadcast(*shapes: Shape) -> Shape:
    """Shape of an element-wise result; raises ValueError where two sizes do not go together."""
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    return tuple(_common(column) for column in columns)


def _common(sizes: tuple[Size, ...]) -> Size:
    large = {size for size in sizes if size != 1}
    if len(large) > 1:
        raise ValueError(f"sizes {sizes} do not broadcast")
    return large.pop() if large else 1


def elements(shape: Shape) -> Size:
    """Number of elements; `Rows` where it grows with the batch."""
    plain = math.prod(size for size in shape if isinstance(size, int))
    grown = [size for size in shape if isinstance(size, Rows)]
    if len(grown) > 1:
        raise BatchSizeNeededError
    return Rows(plain * grown[0].each) if grown else plain


def complete(shape: Sequence[Size], total: Size) -> Shape:
    """`shape` with its -1 replaced by what `total` elements leave."""
    rest = elements(tuple(size for size in shape if size != -1))
    if isinstance(rest, Rows):
        left: Size = total.each // rest.each if isinstance(total, Rows) else 0
    else:
        left = Rows(total.each // rest) if isinstance(total, Rows) else total // rest if rest else 0
    return tuple(left if size == -1 else size for size in shape)
