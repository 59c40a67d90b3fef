"""What a method that perturbs works on, one row and the number that is explained, and what it returns.

A place is one position of a row: a pixel of a picture with all its channels, or a column of a table. The shape of all
places, called `*places` below, is that of the row without its channel axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

import numpy as np

from onnxplain.resample import in_proportion

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array

LONG = 4096
"""A vector of floats without names that has more values than this is taken for a signal, not for columns of a table."""

Pixels: TypeAlias = float | list[float] | tuple[float, ...] | None
"""A size in pixels: one for all axes of places, one for each, or None for the default."""


class Row(Protocol):
    """One row of the input, and the number F that the model computes of any row like it.

    x: the row [*in], without a batch axis. baseline: an array like x. background: such arrays [B, *in], over which a
    method may take the mean; the baseline is the first. channel_axis: the axis of x that holds channels;
    None where it has none. named: whether its values have names, as the columns of a table have.
    at_once: how many rows to make and to score in one call.
    rng: a random generator, seeded anew for every row.
    """

    @property
    def x(self) -> Array: ...
    @property
    def baseline(self) -> Array: ...
    @property
    def background(self) -> Array: ...
    @property
    def channel_axis(self) -> int | None: ...
    @property
    def named(self) -> bool: ...
    @property
    def at_once(self) -> int: ...
    @property
    def rng(self) -> np.random.Generator: ...

    def score(self, rows: Array) -> Array:
        """Return F of each of `rows` [n, *in], float64 [n]."""

    def gradient(self, rows: Array) -> tuple[Array, Array]:
        """Return F of each of `rows` [n, *in], and its derivative with respect to them [n, *in]."""


@dataclass(frozen=True)
class PerturbationResult:
    """What a method returns for one row.

    map: the relevance of each place, float64 [*places]. raw: the mask as it was learnt, for a method that learns one.
    due: what the map should sum to; None where no law says.
    """

    map: Array
    raw: Array | None = None
    due: float | None = None


class Perturber(Protocol):
    """A method that perturbs.

    learns: over how many axes of places at most the method learns a mask. To learn, it needs `Row.gradient`, and so a
    model that can be walked backward. 0 for a method that only scores.
    A method may state in `mixes` that it mixes values of the input, which token ids do not bear.
    """

    learns: ClassVar[int]

    @property
    def random_seed(self) -> int: ...
    def count(self, row: Row) -> int:
        """Return how many rows `explain` scores or walks, for the progress bar."""

    def explain(self, row: Row) -> PerturbationResult:
        """Explain one row."""


def places(row: Row) -> tuple[int, ...]:
    """Return the shape of the row without its channels."""
    return tuple(n for axis, n in enumerate(row.x.shape) if axis != row.channel_axis)


def is_table(row: Row) -> bool:
    """Whether the row belongs to a table, whose columns have no neighbours, or is a text of token ids.

    To hide every sample of a long signal by itself would cost its length in runs of the model.
    """
    x = row.x
    return x.ndim == 1 and (x.size <= LONG or row.named or x.dtype.kind in "iub")


def every_channel(row: Row, maps: Array) -> Array:
    """Return maps [n, *places] with a channel axis of length 1, to broadcast on rows [n, *in]."""
    return maps if row.channel_axis is None else np.expand_dims(maps, row.channel_axis + 1)


def switched(row: Row, keep: Array, hidden: Array) -> Array:
    """Return rows [n, *in] that hold x where `keep` (bool [n, *places]) is true, and `hidden` [*in] elsewhere."""
    return np.where(every_channel(row, keep), row.x, hidden)


def blended(row: Row, keep: Array, hidden: Array) -> Array:
    """Return rows keep · x + (1 - keep) · hidden, [n, *in], for `keep` [n, *places] from 0 to 1.

    They are rounded where x holds whole numbers.
    """
    x = row.x
    if x.dtype.kind != "f":
        x, hidden = x.astype(keep.dtype), hidden.astype(keep.dtype)
    rows: Array = every_channel(row, keep) * (x - hidden)
    rows += hidden
    return rows if row.x.dtype.kind == "f" else np.rint(rows).astype(row.x.dtype)


def scored(row: Row, keep: Array, render: Callable[[Array], Array]) -> Array:
    """Return F of render(keep), float64 [n], for `keep` [n, ...], cut into parts of as many rows as fit at once."""
    step = row.at_once
    chunks = [row.score(render(keep[i : i + step])) for i in range(0, len(keep), step)]
    return np.concatenate(chunks)


def scaled(row: Row, given: Pixels, at_papers: float) -> tuple[float, ...]:
    """Return a size in pixels for each axis of places: the given one, or else that of the papers, in proportion."""
    sizes = places(row)
    if given is None:
        return tuple(in_proportion(at_papers, n) for n in sizes)
    return tuple(given) if isinstance(given, (list, tuple)) else (given,) * len(sizes)
