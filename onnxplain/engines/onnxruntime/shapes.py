"""Shapes of traced values, whose sizes are numbers or multiples of the number of rows, which is not known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from onnxplain.errors import OnnxplainError
from onnxplain.ops.bilinear import terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence


class BatchSizeNeededError(OnnxplainError):
    """The number of rows is needed but not known: the walk has to be traced for one number of rows.

    It is an error of the package, so that a step of the walk lets it pass; whoever traces handles it.
    """


@dataclass(frozen=True)
class Rows:
    """The length of an axis that grows with the batch: each * N for N rows."""

    each: int = 1

    def _refuse(self, *_: object) -> NoReturn:
        """Refuse to be a number: any arithmetic with a length that is not known raises BatchSizeNeededError."""
        raise BatchSizeNeededError

    __index__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __truediv__ = __rtruediv__ = (
        __mod__
    ) = __lt__ = __gt__ = _refuse


Size = int | Rows
"""The length of an axis."""

Shape = tuple[Size, ...]


def number(size: Size) -> int:
    """Return the size as a number. Raises BatchSizeNeededError where it grows with the batch."""
    if isinstance(size, Rows):
        raise BatchSizeNeededError
    return size


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape to which these shapes broadcast. Raises ValueError where two sizes do not match."""
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    return tuple(_common(column) for column in columns)


def _common(sizes: tuple[Size, ...]) -> Size:
    large = {size for size in sizes if size != 1}
    if len(large) > 1:
        raise ValueError(f"sizes {sizes} do not broadcast")
    return large.pop() if large else 1


def elements(shape: Shape) -> Size:
    """Return the number of elements. Raises BatchSizeNeededError where more than one axis grows with the batch."""
    plain = math.prod(size for size in shape if isinstance(size, int))
    grown = [size for size in shape if isinstance(size, Rows)]
    if len(grown) > 1:
        raise BatchSizeNeededError
    return Rows(plain * grown[0].each) if grown else plain


def complete(shape: Sequence[Size], total: Size) -> Shape:
    """Return `shape` with its -1 replaced by the length that gives `total` elements."""
    rest = elements(tuple(size for size in shape if size != -1))
    if isinstance(rest, Rows):
        left: Size = total.each // rest.each if isinstance(total, Rows) else 0
    else:
        left = Rows(total.each // rest) if isinstance(total, Rows) else total // rest if rest else 0
    return tuple(left if size == -1 else size for size in shape)


def einsum_shape(equation: str, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an Einsum of operands of these shapes; an ellipsis stands for axes that broadcast."""
    operands, output = terms_of(equation)
    sizes: dict[str, Size] = {}
    spread: list[Shape] = [()]
    for term, shape in zip(operands, shapes, strict=True):
        before, ellipsis, after = term.partition("...")
        end = len(shape) - len(after)
        named = shape[: len(before)] + shape[end:]
        sizes |= zip(before + after, named, strict=True)
        if ellipsis:
            spread.append(shape[len(before) : end])
    before, ellipsis, after = output.partition("...")
    lead, rest = ([sizes[letter] for letter in part] for part in (before, after))
    return (*lead, *(broadcast(*spread) if ellipsis else ()), *rest)
