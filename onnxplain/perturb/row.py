"""What a method that perturbs is given, one row behind a number, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from onnxplain.resample import PAPERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array


class Row(Protocol):
    """One row and the number that is explained, F.

    x: the row [*in], without a batch axis. baseline: like x, the baseline. channel_axis: of x, None where it has none.
    at_once: how many rows to make and score in one go. rng: seeded anew for every row.
    """

    @property
    def x(self) -> Array: ...
    @property
    def baseline(self) -> Array: ...
    @property
    def channel_axis(self) -> int | None: ...
    @property
    def at_once(self) -> int: ...
    @property
    def rng(self) -> np.random.Generator: ...

    def score(self, rows: Array) -> Array:
        """F of each of rows [n, *in], float64 [n]."""

    def gradient(self, rows: Array) -> tuple[Array, Array]:
        """F of each of rows [n, *in], and its derivative with respect to them."""


@dataclass(frozen=True)
class PerturbationResult:
    """What was found of one row.

    map: float64, one value per place (see `places`). raw: the mask at its own size. due: what the map should sum to.
    """

    map: Array
    raw: Array | None = None
    due: float | None = None


class Perturber(Protocol):
    """A method that perturbs.

    learns: how many axes of neighbours at most it learns a mask over, by `Row.gradient`, which needs a model to
    walk; 0 for a method that learns none.
    """

    learns: ClassVar[int]

    @property
    def random_seed(self) -> int: ...
    def count(self, row: Row) -> int:
        """How many rows `explain` scores or walks."""

    def explain(self, row: Row) -> PerturbationResult:
        """Explain the row of `row`."""


def places(row: Row) -> tuple[int, ...]:
    """Shape of the row without its channels: the columns of a table, the pixels of a picture."""
    return tuple(n for axis, n in enumerate(row.x.shape) if axis != row.channel_axis)


def is_table(row: Row) -> bool:
    """Whether places have no neighbours: a row of columns."""
    return row.x.ndim == 1


def every_channel(row: Row, maps: Array) -> Array:
    """Maps [n, *places] as [n, *in] with one channel, to be broadcast."""
    return maps if row.channel_axis is None else np.expand_dims(maps, row.channel_axis + 1)


def switched(row: Row, keep: Array, hidden: Array) -> Array:
    """Rows with x where `keep` [n, *places] is true and `hidden` elsewhere."""
    return np.where(every_channel(row, keep), row.x, hidden)


def blended(row: Row, keep: Array, hidden: Array) -> Array:
    """Rows keep · x + (1 - keep) · hidden for `keep` [n, *places] from 0 to 1; whole numbers are rounded."""
    x = row.x
    if x.dtype.kind != "f":
        x, hidden = x.astype(keep.dtype), hidden.astype(keep.dtype)
    rows: Array = every_channel(row, keep) * (x - hidden)
    rows += hidden
    return rows if row.x.dtype.kind == "f" else np.rint(rows).astype(row.x.dtype)


def scored(row: Row, keep: Array, render: Callable[[Array], Array]) -> Array:
    """F of render(keep) for many `keep` [n, ...], as many at once as fit."""
    step = row.at_once
    chunks = [row.score(render(keep[i : i + step])) for i in range(0, len(keep), step)]
    return np.concatenate(chunks)


def scaled(row: Row, given: Any, at_papers: float) -> tuple[float, ...]:
    """A size in pixels per axis of `places`: the given one, else the papers' in proportion."""
    sizes = places(row)
    if given is None:
        return tuple(at_papers * n / PAPERS for n in sizes)
    return tuple(given) if isinstance(given, (list, tuple)) else (given,) * len(sizes)
