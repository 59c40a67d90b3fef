"""Regions of the input: what share of an explanation lies inside one, against the region's share of the area.

A region is a mask of the relevance map or a box in it. An explanation that puts much of its relevance on a small
region, such as a watermark, says that the model looks there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.strict_json import strict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation


@dataclass(frozen=True, eq=False)
class Region:
    """Shares of each row [N] that lie inside a region, as parts of 1.

    area: of the positions. positive: of the sum of the positive relevance. absolute: of the sum of |R|. signed: of the
    sum of R, which leaves 0..1 where relevance outside has the other sign. A share of nothing is NaN: that of the
    positive relevance where there is none, and that of a sum that is 0.
    """

    area: Array
    positive: Array
    absolute: Array
    signed: Array

    def line(self, row: int = 0) -> str:
        """Return one row as a line for people."""
        positive = self.positive[row]
        times = "" if np.isnan(positive) else f" ({positive / self.area[row]:.2g} times its share of the area)"
        said = ", ".join(
            f"{_percent(each[row])} of the {what}"
            for each, what in ((self.absolute, "absolute relevance"), (self.signed, "signed sum"))
        )
        return (
            f"inside {_percent(self.area[row])} of the area: {_percent(positive)} of the positive relevance{times}, "
            f"{said}"
        )

    def __str__(self) -> str:
        return "\n".join(self.line(row) for row in range(len(self.area)))

    def to_dict(self) -> dict[str, Any]:
        """Return the shares in plain JSON types; a share of nothing is None, and `not_finite` names it."""
        return dict(strict({each.name: getattr(self, each.name).tolist() for each in fields(self)}))


def region(explanation: Explanation, where: ArrayLike) -> Region:
    """Return what share of an explanation's relevance lies inside `where`, for each row.

    where: a mask, an array of booleans in the shape of one row of `explanation.relevance` (a picture: [H, W]) or of all
    rows; or a box (x0, y0, x1, y1) in pixels of that map, from the top left corner, where x1 and y1 lie one behind the
    last column and row inside, or one box for each row [N, 4].

    Raises UsageError for what is no region of the map, and for a mask without any position.
    """
    relevance = explanation.relevance.astype(np.float64)
    inside = masks_of(where, relevance.shape).reshape(len(relevance), -1)
    flat = relevance.reshape(len(relevance), -1)
    measured = (np.ones_like(flat), np.maximum(flat, 0), np.abs(flat), flat)
    return Region(*(_share(each, inside) for each in measured))


def _share(values: Array, inside: Array) -> Array:
    """Return the share of the sum of each row of `values` that lies inside; NaN where the sum is 0."""
    total = values.sum(1)
    found = np.full(len(values), np.nan)
    return np.asarray(np.divide((values * inside).sum(1), total, out=found, where=total != 0))


def _percent(share: float) -> str:
    return "nothing" if np.isnan(share) else f"{100 * share:.3g} %"


def masks_of(where: ArrayLike, shape: Sequence[int]) -> Array:
    """Return a region as booleans of the shape [N, ...] of the relevance of all rows; see `region`."""
    rows, *sizes = shape
    given = np.asarray(where)
    if given.dtype.kind in "iu" and given.shape in ((4,), (rows, 4)):
        return _boxes(np.broadcast_to(given, (rows, 4)), sizes)
    if given.dtype != bool:
        raise UsageError(
            f"a region of {given.dtype} {list(given.shape)}: expected a mask of booleans, such as `picture > 0`, or a "
            "box (x0, y0, x1, y1) of whole numbers"
        )
    if given.shape not in (tuple(sizes), tuple(shape)):
        raise UsageError(
            f"a mask of the shape {list(given.shape)} for relevance of the shape {list(shape)}: expected {sizes} for "
            f"all rows, or {list(shape)}"
        )
    masks = np.broadcast_to(given, tuple(shape))
    empty = ~masks.reshape(rows, -1).any(1)
    if empty.any():
        raise UsageError(f"row {int(empty.argmax())}: the mask has no position inside, so that nothing can lie there")
    return masks


def _boxes(boxes: Array, sizes: Sequence[int]) -> Array:
    """Return a mask for each of `boxes` [N, 4] on a map of two axes."""
    if len(sizes) != 2:
        raise UsageError(
            f"a box is one of a picture, and a row of the relevance has the shape {list(sizes)}: use a mask"
        )
    height, width = sizes
    masks = np.zeros((len(boxes), height, width), bool)
    for mask, box in zip(masks, boxes.tolist(), strict=True):
        x0, y0, x1, y1 = box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise UsageError(
                f"box {tuple(box)}: expected (x0, y0, x1, y1) with 0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}"
            )
        mask[y0:y1, x0:x1] = True
    return masks
