"""Bodies of the pools LpPool and GlobalLpPool: (Σ |x|ᵖ)^(1/p), over windows or over all places of a channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxplain.passes.body import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.passes.body import Given


def _power(lines: Lines, p: int) -> str:
    """Add |X|ᵖ."""
    if p == 2:
        return lines("Mul", "X", "X")
    size = lines("Abs", "X")
    return size if p == 1 else lines("Pow", size, lines.number(p))


def _root(lines: Lines, total: str, p: int) -> str:
    """Add the root of order p."""
    if p == 2:
        return lines("Sqrt", total)
    return total if p == 1 else lines("Pow", total, lines.number(1 / p))


def _global(n: Given) -> str:
    lines = Lines("X")
    total = lines("ReduceSum", _power(lines, n["p"]), lines.ints(range(2, n.rank)))
    return lines.text(Y=_root(lines, total, n["p"]))


def _windows(n: Given) -> str:
    """The sum of a window is its mean times its number of elements, those of the padding counted as zeros."""
    lines, kernel = Lines("X"), n["kernel_shape"]
    given = {name: n.attrs[name] for name in ("strides", "dilations", "auto_pad") if n.attrs.get(name)}
    strides = n.attrs.get("strides") or [1] * len(kernel)
    pads = list(n.attrs.get("pads") or [0] * 2 * len(kernel))
    if n.attrs.get("ceil_mode"):  # a last window that begins within reach
        pads[len(kernel) :] = [pad + stride - 1 for pad, stride in zip(pads[len(kernel) :], strides, strict=True)]
    if any(pads):
        given["pads"] = pads
    mean = lines("AveragePool", _power(lines, n["p"]), kernel_shape=kernel, count_include_pad=1, **given)
    total = lines("Mul", mean, lines.number(math.prod(kernel)))
    return lines.text(Y=_root(lines, total, n["p"]))


POOLS: Mapping[str, Callable[[Given], str]] = {"GlobalLpPool": _global, "LpPool": _windows}
"""By operator, the function that returns the lines of its body."""
