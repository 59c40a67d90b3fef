"""Charts of a report, as SVG: a histogram of numbers, and a figure between its bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.runs.audit.gate import Bound

BINS = 24
_WIDTH, _HEIGHT, _FOOT = 320, 110, 18
_BAR = 200, 14


def histogram(numbers: Array, name: str) -> str:
    """Return how often numbers fall into each of BINS ranges of equal width, as an SVG with both ends named.

    name: what is counted, for those who hear the page. What is not finite is left out.
    """
    values = numbers[np.isfinite(numbers)]
    if not len(values):
        return ""
    counts, edges = np.histogram(values, BINS)
    wide, most = _WIDTH / BINS, counts.max()
    bars = "".join(
        f'<rect x="{i * wide:.1f}" y="{_HEIGHT - _HEIGHT * count / most:.1f}" width="{wide - 1:.1f}" '
        f'height="{_HEIGHT * count / most:.1f}"/>'
        for i, count in enumerate(counts.tolist())
        if count
    )
    low, high = (f"{each:.4g}" for each in (edges[0], edges[-1]))
    foot = _HEIGHT + _FOOT - 4
    return (
        f'<svg class="histogram" viewBox="0 0 {_WIDTH} {_HEIGHT + _FOOT}" role="img" '
        f'aria-label="{name}: {len(values)} values from {low} to {high}">{bars}'
        f'<line x1="0" x2="{_WIDTH}" y1="{_HEIGHT}" y2="{_HEIGHT}"/><text x="0" y="{foot}">{low}</text>'
        f'<text x="{_WIDTH}" y="{foot}" text-anchor="end">{high}</text></svg>'
    )


def gauge(figure: float, bound: Bound) -> str:
    """Return a figure as a point on a line, with the part of the line that is allowed drawn thick, as an SVG.

    The line runs over figure and bounds with a margin, and over 0..1 where all of them lie there.
    """
    known = [each for each in (figure, bound.at_least, bound.at_most) if each is not None and math.isfinite(each)]
    low, high = (0.0, 1.0) if known and 0 <= min(known) <= max(known) <= 1 else _around(known)

    def place(value: float) -> float:
        return _BAR[0] * min(max((value - low) / (high - low), 0.0), 1.0)

    start = 0.0 if bound.at_least is None else place(bound.at_least)
    stop = float(_BAR[0]) if bound.at_most is None else place(bound.at_most)
    middle = _BAR[1] / 2
    point = f'<circle cx="{place(figure):.1f}" cy="{middle}" r="5"/>' if math.isfinite(figure) else ""
    return (
        f'<svg class="gauge" viewBox="-6 0 {_BAR[0] + 12} {_BAR[1]}" aria-hidden="true">'
        f'<line x1="0" x2="{_BAR[0]}" y1="{middle}" y2="{middle}"/>'
        f'<line class="allowed" x1="{start:.1f}" x2="{stop:.1f}" y1="{middle}" y2="{middle}"/>{point}</svg>'
    )


def _around(known: list[float]) -> tuple[float, float]:
    """Return the ends of a line on which all of some numbers lie, not at its ends."""
    low, high = min(known, default=0.0), max(known, default=1.0)
    margin = 0.15 * (high - low) or abs(low) or 1.0
    return low - margin, high + margin
