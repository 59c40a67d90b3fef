"""Measures against annotations: whether relevance lies where the object of the class is, by a mask of each row.

They say whether model and explanation together look at the object. A model that rightly looks elsewhere is marked down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.checks import whole
from onnxplain.errors import UsageError
from onnxplain.measure.result import MeasureResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


def pointing_game(relevance: Array, mask: Array, tolerance: int = 0) -> float:
    """Return whether the position of the largest relevance lies inside the mask: 1 or 0.

    Where several positions share the largest value, it is the share of them that lies inside, which is what a random
    choice among them gives: a constant map has the mask's share of the area. Source: Zhang et al. 2018.

    relevance, mask: one row, of the same shape. tolerance: how many positions beside the mask, along each axis, still
    count as inside; the paper takes 15 pixels for pictures of some 500 a side.
    """
    whole(0, tolerance=tolerance)
    best = relevance == relevance.max()
    return float(_grown(mask, tolerance)[best].mean())


def relevance_mass(relevance: Array, mask: Array) -> float:
    """Return the share of the positive relevance that lies inside the mask, 0..1.

    0 where there is no positive relevance. Source: Arras et al. 2022, relevance mass accuracy.
    """
    positive = np.maximum(relevance, 0)
    total = positive.sum()
    return float(positive[mask].sum() / total) if total else 0.0


def relevance_rank(relevance: Array, mask: Array) -> float:
    """Return the share of the K positions of the largest relevance that lie inside a mask of K positions, 0..1.

    Of positions that share the value at which the K end, the share inside counts, as in a random choice among them.
    Source: Arras et al. 2022, relevance rank accuracy.
    """
    count = int(mask.sum())
    least = np.sort(relevance, axis=None)[-count]
    above, level = relevance > least, relevance == least
    left = count - int(above.sum())
    return float((mask[above].sum() + left * mask[level].mean()) / count)


def _grown(mask: Array, reach: int) -> Array:
    """Return a mask grown by `reach` positions along each axis, corners included."""
    for axis in range(mask.ndim):
        grown = mask.copy()
        for step in range(1, min(reach, mask.shape[axis] - 1) + 1):
            ahead, behind = ([slice(None)] * mask.ndim for _ in range(2))
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            grown[tuple(ahead)] |= mask[tuple(behind)]
            grown[tuple(behind)] |= mask[tuple(ahead)]
        mask = grown
    return mask


@dataclass(frozen=True)
class PointingGame:
    """Whether the largest relevance lies inside the mask of the row, `masks=`. Source: Zhang et al. 2018.

    tolerance: how many positions beside the mask still count as inside. See `pointing_game`.
    """

    tolerance: int = 0
    name: ClassVar[str] = "pointing_game"
    quantities: ClassVar[dict[str, str]] = {"hit": "higher"}
    axes: ClassVar[tuple[str, str]] = ("", "")
    needs_masks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        whole(0, tolerance=self.tolerance)

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure all rows; the model does not run."""
        hits = _each(lambda relevance, mask: pointing_game(relevance, mask, self.tolerance), data, method, self.name)
        return MeasureResult({"hit": hits})


@dataclass(frozen=True)
class RelevanceMass:
    """The share of the positive relevance that lies inside the mask of the row, `masks=`. Source: Arras et al. 2022."""

    name: ClassVar[str] = "relevance_mass"
    quantities: ClassVar[dict[str, str]] = {"mass_inside": "higher"}
    axes: ClassVar[tuple[str, str]] = ("", "")
    needs_masks: ClassVar[bool] = True

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure all rows; the model does not run."""
        return MeasureResult({"mass_inside": _each(relevance_mass, data, method, self.name)})


@dataclass(frozen=True)
class RelevanceRank:
    """The share of the K most relevant positions in the mask of K positions, `masks=`. Source: Arras et al. 2022."""

    name: ClassVar[str] = "relevance_rank"
    quantities: ClassVar[dict[str, str]] = {"rank_inside": "higher"}
    axes: ClassVar[tuple[str, str]] = ("", "")
    needs_masks: ClassVar[bool] = True

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Measure all rows; the model does not run."""
        return MeasureResult({"rank_inside": _each(relevance_rank, data, method, self.name)})


def _each(measured: Callable[[Array, Array], float], data: EvaluationSet, method: Judged, name: str) -> Array:
    """Return a number of each row, of its relevance and its mask. Raises UsageError where no masks were given."""
    if data.masks is None:
        raise UsageError(f"measure {name!r} compares with an annotation: give masks=, see `onnxplain.evaluate`")
    return np.array([measured(*pair) for pair in zip(method.relevance, data.masks, strict=True)])
