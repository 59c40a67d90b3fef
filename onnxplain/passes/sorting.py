"""The body of TopK: a network that sorts by comparing two elements at a time, so that each step is a maximum.

A method that compares two runs has to say which element each difference comes from, and another element may be the
k-th in the other run. Through the network, Batcher's bitonic one, it is shared out step by step. The network takes
½ m (m + 1) steps for 2ᵐ elements; other lengths are filled up with the lowest number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.passes.body import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.passes.body import Given

LONGEST = 2048
"""Elements of the longest axis that is sorted so."""


def _top(n: Given) -> str:
    axis, wanted = n["axis"] % n.rank, n.constants.get("K")
    length = n.length(axis)
    if length is None or length > LONGEST or wanted is None or "Indices" in n.read:
        return ""
    lines, size = Lines("X"), 1 << (length - 1).bit_length()
    order = [i for i in range(n.rank) if i != axis] + [axis]
    y = lines("Transpose", "X" if n["largest"] else lines("Neg", "X"), perm=order)
    lowest = lines.number(float(np.finfo(np.float32).min))
    y = lines("Pad", y, lines.ints([0, size - length]), lowest, lines.ints([-1]))
    whole, flat = lines("Shape", y), lines("Reshape", y, lines.ints([-1, size]))
    block = 1
    while block < size:
        flat = _step(lines, flat, block, mirrored=True)
        half = block // 2
        while half:
            flat = _step(lines, flat, half, mirrored=False)
            half //= 2
        block *= 2
    y = lines.cut(lines("Reshape", flat, whole), n.rank - 1, 0, int(wanted.item()))
    y = lines("Transpose", y, perm=[order.index(i) for i in range(n.rank)])
    return lines.text(Values=y if n["largest"] else lines("Neg", y), Indices=lines.ints([0]))


def _step(lines: Lines, flat: str, block: int, *, mirrored: bool) -> str:
    """Add one step on rows [N, size]: of each pair of elements in two neighbouring blocks, the larger comes first.

    mirrored: whether the second block is compared from its end on, which merges two blocks in descending order.
    """
    pairs = lines("Reshape", flat, lines.ints([0, -1, 2, block]))
    first, second = (lines.cut(pairs, 2, i, i + 1) for i in range(2))
    if mirrored and block > 1:
        second = lines.cut(second, 3, -1, -_FAR, -1)
    larger, smaller = lines("Max", first, second), lines("Min", first, second)
    if mirrored and block > 1:
        smaller = lines.cut(smaller, 3, -1, -_FAR, -1)
    return lines("Reshape", lines("Concat", larger, smaller, axis=2), lines("Shape", flat))


_FAR = 2**31

SORTED: Mapping[str, Callable[[Given], str]] = {"TopK": _top}
"""By operator, the function that returns the lines of its body."""
