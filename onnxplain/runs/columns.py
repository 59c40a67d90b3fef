"""The columns of a shard: what is stored of each row that was explained, and how relevance fits half precision.

index: of the row in the run. target: the class index that it was explained for, -1 for a value within the network.
label: its name in UTF-8. score: of the target; scores: of all classes. probability: of the target, where the file gives
any. delta: how far the attributions are from what they should sum to, where a law says so.

What is explained is stored in one of two ways. "relevance": the channels summed, as float16 of relevance / scale, where
scale is a power of two for each row by which the largest |relevance| comes to lie from 2^14 to 2^15. So nothing
overflows, and what is above 2^-29 of the largest keeps 11 bits. "attribution": every number as it is, and channel_axis,
the axis of the rows' array that relevance is summed over, -1 for none. Where rows have several shapes, their numbers
stand one behind the other, and shape has the shape of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.runs.job import ATTRIBUTION, RELEVANCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation

_TOP = 15
"""The largest |relevance| of a row is stored as a number below 2 to this power; float16 ends a little below 2^16."""
_OPTIONAL = ("probability", "delta")
"""Columns that not every method or model has."""


def columns_of(e: Explanation, indices: Sequence[int], store: str) -> dict[str, Any]:
    """Return the columns of rows that were explained together. indices: of these rows in the run."""
    rows = len(e.score)
    target = e.target if isinstance(e.target, np.ndarray) else np.full(rows, -1)
    found: dict[str, Any] = {
        "index": np.asarray(indices, np.int64),
        "target": np.asarray(target, np.int64),
        "label": np.array([each.encode("utf-8") for each in e.labels], "S"),
        "score": e.score,
        "scores": e.prediction,
    }
    found |= {name: value for name in _OPTIONAL if (value := getattr(e, name)) is not None}
    if store == ATTRIBUTION:
        axis = -1 if e.channel_axis is None else e.channel_axis
        return {**found, ATTRIBUTION: e.attribution, "channel_axis": np.array(axis, np.int64)}
    packed, scale = packed_rows(np.asarray(e.relevance))
    return {**found, RELEVANCE: packed, "scale": scale}


def packed_rows(relevance: Array) -> tuple[Array, Array]:
    """Return relevance [N, ...] as float16, and the scale of each row, a power of two in float64 [N]."""
    largest = np.abs(relevance.reshape(len(relevance), -1)).max(1, initial=0.0).astype(np.float64)
    _, exponent = np.frexp(largest)
    scale = np.where(largest > 0, np.ldexp(1.0, exponent - _TOP), 1.0)
    by_row = scale.reshape(-1, *[1] * (relevance.ndim - 1))
    return (relevance / by_row).astype(np.float16), scale


def joined(parts: Sequence[Mapping[str, Any]], store: str) -> dict[str, Array]:
    """Return the columns of several batches as those of a shard, ordered by index.

    A column that only some of them have is NaN for the rows of the others.
    """
    if not parts:
        return {"index": np.empty(0, np.int64)}
    names = [name for name in parts[0] if name not in (store, "channel_axis", *_OPTIONAL)]
    found = {name: np.concatenate([each[name] for each in parts]) for name in names}
    for name in _OPTIONAL:
        if any(name in each for each in parts):
            found[name] = np.concatenate([each.get(name, np.full(len(each["index"]), np.nan)) for each in parts])
    order = np.argsort(found["index"], kind="stable")
    found = {name: value[order] for name, value in found.items()}
    found |= {"channel_axis": parts[0]["channel_axis"]} if "channel_axis" in parts[0] else {}
    return found | _maps([each[store] for each in parts], store, order)


def _maps(parts: Sequence[Array], store: str, order: Array) -> dict[str, Array]:
    """Return the maps of all rows as one array or, where they have several shapes, as numbers and shapes."""
    if len({each.shape[1:] for each in parts}) == 1:
        whole = np.concatenate(parts)
        return {store: whole if (order[:-1] < order[1:]).all() else whole[order]}
    rows = [row for part in parts for row in part]
    rows = [rows[i] for i in order]
    return {store: np.concatenate([row.ravel() for row in rows]), "shape": np.array([row.shape for row in rows])}


@dataclass(frozen=True)
class Maps:
    """The maps of a shard's rows, as they are read."""

    columns: Mapping[str, Array]
    store: str

    def relevance(self, place: int) -> Array:
        """Return the relevance of the row at a place in the shard: float32 where it was stored in half precision."""
        if self.store == ATTRIBUTION:
            axis = int(self.columns["channel_axis"])
            found = self.attribution(place)
            return found if axis < 0 else np.asarray(found.sum(axis - 1))
        whole: Array = self._of(place).astype(np.float64) * self.columns["scale"][place]
        return whole.astype(np.float32)

    def attribution(self, place: int) -> Array:
        """Return the attribution of the row at a place in the shard, without the axis of the rows."""
        return self._of(place)

    def _of(self, place: int) -> Array:
        stored = self.columns[self.store]
        if "shape" not in self.columns:
            return np.asarray(stored[place])
        sizes = self.columns["shape"].prod(1)
        start = int(sizes[:place].sum())
        return stored[start : start + int(sizes[place])].reshape(self.columns["shape"][place])
