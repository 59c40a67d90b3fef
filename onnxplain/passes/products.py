"""Bodies of products of many elements, as products of two.

    ReduceProd  halves of an axis are multiplied until one element is left
    CumProd     y · (y moved by s elements, ones coming in), for s = 1, 2, 4 ...
    Det         by Laplace's rule, row by row: the determinants of the first r rows in each choice of r columns

So a method that shares a product out between its two factors reaches them all, and no element is divided by.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from onnxplain.passes.body import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.passes.body import Given

LARGEST = 6
"""Rows of the largest matrix whose determinant is written out."""


def _reduce(n: Given) -> str:
    named = n.attrs.get("axes") or n.constants.get("axes")
    if "axes" in n.inputs and named is None:
        return ""
    given = [] if named is None else [int(axis) % n.rank for axis in named]
    axes = given or ([] if n["noop_with_empty_axes"] else range(n.rank))
    lengths = [n.length(axis) for axis in axes]
    lines, y = Lines("data"), "data"
    for axis, length in zip(axes, lengths, strict=True):
        if length is None:
            return ""
        y = _halved(lines, y, axis, length)
    if axes and not n["keepdims"]:
        y = lines("Squeeze", y, lines.ints(axes))
    return lines.text(reduced=y)


def _halved(lines: Lines, y: str, axis: int, length: int) -> str:
    """Add what multiplies all elements along an axis."""
    while length > 1:
        half = length // 2
        product = lines("Mul", lines.cut(y, axis, 0, half), lines.cut(y, axis, half, 2 * half))
        odd = length - 2 * half
        y = lines("Concat", product, lines.cut(y, axis, 2 * half, length), axis=axis) if odd else product
        length = half + odd
    return y


def _running(n: Given) -> str:
    given = n.constants.get("axis")
    length = None if given is None else n.length(int(given.item()))
    if given is None or length is None:
        return ""
    axis, reverse = int(given.item()) % n.rank, bool(n["reverse"])
    lines, y = Lines("x"), "x"
    one = lines.number(1.0)

    def moved(value: str, by: int) -> str:
        kept = lines.cut(value, axis, *((by, length) if reverse else (0, length - by)))
        return lines("Pad", kept, lines.ints([0, by] if reverse else [by, 0]), one, lines.ints([axis]))

    if n["exclusive"]:
        y = moved(y, 1)
    step = 1
    while step < length:
        y = lines("Mul", y, moved(y, step))
        step *= 2
    return lines.text(y=y)


def _determinant(n: Given) -> str:
    size = n.length(-1)
    if size is None or size > LARGEST:
        return ""
    lines, last = Lines("X"), n.rank - 1

    def element(row: int, column: int) -> str:
        return lines.cut(lines.cut("X", last - 1, row, row + 1), last, column, column + 1)

    found: dict[tuple[int, ...], str] = {(column,): element(0, column) for column in range(size)}
    for row in range(1, size):
        entries, above = [element(row, column) for column in range(size)], found
        found = {}
        for columns in combinations(range(size), row + 1):
            terms = [
                lines("Mul", entries[column], above[columns[:i] + columns[i + 1 :]]) for i, column in enumerate(columns)
            ]
            found[columns] = _alternating(lines, terms)
    (whole,) = found.values()
    return lines.text(Y=lines("Squeeze", whole, lines.ints([last - 1, last])))


def _alternating(lines: Lines, terms: list[str]) -> str:
    """Add the sum of terms whose signs alternate, the last one being positive."""
    total, *others = terms[::-1]
    for i, term in enumerate(others):
        total = lines("Add" if i % 2 else "Sub", total, term)
    return total


PRODUCTS: Mapping[str, Callable[[Given], str]] = {"CumProd": _running, "Det": _determinant, "ReduceProd": _reduce}
"""By operator, the function that returns the lines of its body."""
