"""The counter-test of a cluster: is what its mean map points at what the scores of its members rest on?

The positions with the largest positive relevance of the cluster's mean map are replaced by what the rows outside the
cluster have there on average. The scores of the members are compared before and after; so are those of other rows of
the class with the same positions replaced, and those of the members with as many positions replaced elsewhere. A
cluster of its own strategy falls where the two controls do not.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.hiding import like
from onnxplain.inputs.batch import together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch

AREA = 0.05
"""The share of the positions that is replaced."""
TESTED = 50
"""So many rows of each kind are tested at most."""
_ERRORS = 3
_TRIES = 100


@dataclass(frozen=True)
class Falls:
    """What becomes of the scores of some rows. rows: how many. mean: of the falls. fell: the share that fell."""

    rows: int
    mean: float
    fell: float

    def __str__(self) -> str:
        return f"{self.mean:.3g} ({100 * self.fell:.0f} %)"

    @classmethod
    def of(cls, falls: Array) -> Falls:
        """Return what the falls of single rows [N] say."""
        return cls(len(falls), float(falls.mean()), float((falls > 0).mean()))


@dataclass(frozen=True)
class CounterTest:
    """The falls of the members, of other rows of the class, and of the members with positions elsewhere replaced.

    area: the share of the positions that was replaced. stands_out: whether the members fall by more than both controls,
    by over three standard errors of the difference.
    """

    area: float
    members: Falls
    others: Falls
    elsewhere: Falls
    stands_out: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return asdict(self)

    def cells(self) -> tuple[str, str, str, str]:
        """Return it as the cells of a table for people: the falls of members, others and elsewhere, and the verdict."""
        first, second, third = (str(each) for each in (self.members, self.others, self.elsewhere))
        return first, second, third, "stands out" if self.stands_out else ""


def counter_test(
    scores: Callable[[Batch], Array],
    members: Sequence[Batch],
    others: Sequence[Batch],
    mean_map: Array,
    channel_axis: int | None,
    area: float,
    rng: np.random.Generator,
) -> CounterTest | None:
    """Return the counter-test of a cluster; None where its mean map has no positive relevance to hide.

    scores: returns the score of the class for each row of a batch [N]. members, others: single rows of the cluster and
    of the rest of the class. mean_map: the mean relevance of the cluster, without the axis of channels.
    channel_axis: the axis of a batch that holds channels. area: the share of the positions to replace.
    Raises UsageError where the rows have several shapes.
    """
    region = top_positions(mean_map, area)
    if region is None:
        return None
    inside, outside = _joined(members), _joined(others)
    fill = like(outside.x.mean(0, dtype=np.float64), outside.x[0])
    masks = np.stack([elsewhere(region, rng) for _ in members])
    falls = (
        _falls(scores, inside, np.broadcast_to(region, masks.shape), fill, channel_axis),
        _falls(scores, outside, np.broadcast_to(region, (len(outside.x), *region.shape)), fill, channel_axis),
        _falls(scores, inside, masks, fill, channel_axis),
    )
    out = all(_exceeds(falls[0], control) for control in falls[1:])
    members_fall, others_fall, elsewhere_fall = map(Falls.of, falls)
    return CounterTest(float(region.mean()), members_fall, others_fall, elsewhere_fall, out)


def top_positions(mean_map: Array, area: float) -> Array | None:
    """Return where the share of the positions with the largest positive relevance is, bool; None where none has any."""
    flat = mean_map.ravel()
    first = np.argsort(-flat, kind="stable")[: max(1, round(area * flat.size))]
    first = first[flat[first] > 0]
    if not first.size:
        return None
    found = np.zeros(flat.size, bool)
    found[first] = True
    return found.reshape(mean_map.shape)


def elsewhere(region: Array, rng: np.random.Generator) -> Array:
    """Return a region moved around the map at random, where it overlaps itself least of some tries."""
    best, least = region, math.inf
    for _ in range(_TRIES):
        moved = np.roll(region, tuple(int(rng.integers(n)) for n in region.shape), tuple(range(region.ndim)))
        overlap = int((moved & region).sum())
        if overlap < least:
            best, least = moved, overlap
        if not overlap:
            break
    return best


def _joined(rows: Sequence[Batch]) -> Batch:
    batch = together(rows)
    if batch is None:
        raise UsageError("the rows of a class have several shapes, and no positions in common that could be replaced")
    return batch


def _falls(
    scores: Callable[[Batch], Array], batch: Batch, masks: Array, fill: Array, channel_axis: int | None
) -> Array:
    """Return by how much the score of each row falls where the positions of its mask [N, ...] have the fill."""
    where = masks if channel_axis is None else np.expand_dims(masks, channel_axis)
    x = np.where(where.reshape(where.shape + (1,) * (batch.x.ndim - where.ndim)), fill, batch.x)
    feeds = {**batch.feeds, next(iter(batch.feeds)): x} if batch.table is None else batch.table.feeds(x)
    hidden = replace(batch, x=x, feeds=feeds)
    return np.asarray(scores(batch) - scores(hidden))


def _exceeds(falls: Array, control: Array) -> bool:
    """Whether falls are larger than those of a control by over three standard errors of the difference."""
    error = math.sqrt(sum(each.var(ddof=1) / len(each) if len(each) > 1 else 0.0 for each in (falls, control)))
    return bool(falls.mean() - control.mean() > _ERRORS * error)
