"""A batch: the arrays that go into the model in one call, by input name, and how they are cut into chunks of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.placement import Original
    from onnxplain.inputs.table import Table
    from onnxplain.passes.canonical import Canonical


@dataclass(frozen=True)
class Batch:
    """N rows of the explained input, with the arrays of all other inputs.

    x: the explained input, [N, ...]. feeds: the array of each input by name, the explained one first.
    by_row: the names of the inputs that have an entry for each row; the others are the same for all rows.
    names: where each row came from, such as a file. images: the picture of each row as the model sees it, uint8 RGB
    [H, W, 3], or None where there is none.
    channel_axis: the axis of x that holds colours or channels; None where x has none.
    notes: what was assumed or changed while the input was read. hashes: for each row the SHA-256 of the file that it
    was read from, None where there was none. preprocessed: whether the preprocessing made the rows, of pictures.
    originals: the picture of each row as it came, with the way back to it; None where the rows are no pictures.
    frames: for each row its number in a file of several frames, from 0, else None. dicom: whether any was a DICOM file.
    table: where x holds rows of a table, objects [N, columns], how they become the arrays of the inputs.
    parts: where several inputs are explained together, by name the batch in which each is the explained one; x, names
    and the like are those of the first.
    """

    x: Array
    feeds: dict[str, Array]
    by_row: frozenset[str]
    names: tuple[str, ...] = ()
    images: tuple[Array | None, ...] | None = None
    channel_axis: int | None = None
    notes: tuple[str, ...] = field(default=())
    hashes: tuple[str | None, ...] = ()
    preprocessed: bool = False
    table: Table | None = None
    originals: tuple[Original, ...] | None = None
    frames: tuple[int | None, ...] = ()
    dicom: bool = False
    parts: Mapping[str, Batch] = field(default_factory=dict)

    @property
    def others(self) -> dict[str, Array]:
        """The arrays of the inputs beside the explained one, by name; none where the inputs are columns of a table."""
        beside = {} if self.table is not None else dict(list(self.feeds.items())[1:])
        return {name: value for name, value in beside.items() if name not in self.parts}

    def rows(self, rows: slice) -> Batch:
        """Return the batch of some rows alone."""
        return replace(
            self,
            x=self.x[rows],
            feeds=self._cut(rows, 0),
            names=self.names[rows],
            images=self.images and self.images[rows],
            originals=self.originals and self.originals[rows],
            hashes=self.hashes[rows],
            frames=self.frames[rows],
            parts={name: part.rows(rows) for name, part in self.parts.items()},
        )

    def take(self, rows: Sequence[int]) -> Batch:
        """Return the batch of these rows, in this order."""
        if list(rows) == list(range(len(self.x))):
            return self
        return replace(
            self,
            x=self.x[rows],
            feeds={name: value[rows] if name in self.by_row else value for name, value in self.feeds.items()},
            names=tuple(self.names[i] for i in rows),
            images=self.images and tuple(self.images[i] for i in rows),
            originals=self.originals and tuple(self.originals[i] for i in rows),
            hashes=tuple(self.hashes[i] for i in rows),
            frames=self.frames and tuple(self.frames[i] for i in rows),
            parts={name: part.take(rows) for name, part in self.parts.items()},
        )

    def chunks(self, most: int, fixed: int | None = None) -> Iterator[tuple[slice, int, dict[str, Array]]]:
        """Cut the batch into chunks of at most `most` rows, or of `fixed` rows where the file takes no other number.

        Yields, for each chunk, its rows as a slice, how often its last row was repeated to fill it up, and its feeds.
        """
        n = len(self.x)
        size = fixed or min(n, most)
        if n == size:
            yield slice(0, n), 0, self.feeds
            return
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            short = fixed - (rows.stop - start) if fixed else 0
            yield rows, short, self._cut(rows, short)

    def at(self, name: str, rows: Sequence[int], points: Array) -> Batch:
        """Return a batch of points [K, ...] beside rows of this one.

        Its row i has points[i] for the explained input, whose name is `name`, and the other inputs of the row rows[i].
        """
        bare = replace(self, x=points, names=(), images=None, originals=None, hashes=(), frames=())
        if self.table is not None:
            return replace(bare, feeds=self.table.feeds(points))
        rest = {key: v[list(rows)] if key in self.by_row else v for key, v in self.feeds.items() if key != name}
        return replace(bare, feeds={name: points, **rest})

    def moved(self, name: str, points: Array) -> Batch:
        """Return the single row of this batch once for each of the points [K, ...], with the explained input there."""
        return self.at(name, [0] * len(points), points)

    def _cut(self, rows: slice, short: int) -> dict[str, Array]:
        """Return the feeds of some rows, with the last row repeated `short` times."""
        return {name: _filled(v[rows], short) if name in self.by_row else v for name, v in self.feeds.items()}


def together(batches: Sequence[Batch]) -> Batch | None:
    """Return the rows of all batches as one batch; None where they do not make one.

    They do not where their rows have several shapes, where some are preprocessed pictures and others arrays, and where
    an input beside the explained one is not the same for all.
    """
    first = batches[0]
    alike = all(
        (each.x.shape[1:], each.x.dtype, each.preprocessed, each.channel_axis, each.by_row, each.feeds.keys())
        == (first.x.shape[1:], first.x.dtype, first.preprocessed, first.channel_axis, first.by_row, first.feeds.keys())
        for each in batches
    )
    shared = [name for name in first.feeds if name not in first.by_row]
    if not alike or any(not np.array_equal(each.feeds[n], first.feeds[n]) for each in batches for n in shared):
        return None
    parts = {name: together([each.parts[name] for each in batches]) for name in first.parts}
    if None in parts.values():
        return None
    joined = {name: np.concatenate([each.feeds[name] for each in batches]) for name in first.by_row}
    return replace(
        first,
        x=np.concatenate([each.x for each in batches]),
        feeds={name: joined.get(name, value) for name, value in first.feeds.items()},
        names=_all([each.names for each in batches]),
        images=_all_known([each.images for each in batches]),
        originals=_all_known([each.originals for each in batches]),
        notes=tuple(dict.fromkeys(_all([each.notes for each in batches]))),
        hashes=_all([each.hashes for each in batches]),
        frames=_all([each.frames for each in batches]),
        dicom=any(each.dicom for each in batches),
        parts={name: part for name, part in parts.items() if part is not None},
    )


def _all(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(each for part in parts for each in part)


def _all_known(parts: Sequence[tuple[Any, ...] | None]) -> tuple[Any, ...] | None:
    known = [part for part in parts if part is not None]
    return _all(known) if len(known) == len(parts) else None


def places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where the rows of these names are among all. Raises BadInputError for one that is not there."""
    known = {name: i for i, name in enumerate(names)}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise BadInputError(f"{missing[0]}: the file has no such row now")
    return [known[name] for name in wanted]


def _filled(value: Array, short: int) -> Array:
    """Return a value with its last row repeated `short` more times."""
    return np.ascontiguousarray(np.concatenate([value, *[value[-1:]] * short]) if short else value)


def by_row(canonical: Canonical, feeds: Mapping[str, Array]) -> frozenset[str]:
    """Return the names of the feeds that have an entry for each row of the first one, the explained input.

    Where the operators do not prove it, they do where the graph gives both inputs the same first dimension, be it a
    number or a symbol; and where it leaves one of the two open, if the arrays are equally long. A symbol that PyTorch's
    exporter numbered, such as s43, leaves it open: each input has its own where the network would broadcast them.
    """
    first, x = next(iter(feeds.items()))
    if canonical.rows.by_row is not None:
        return frozenset(name for name in canonical.rows.by_row & feeds.keys() if len(feeds[name]) == len(x))
    shapes = {each.name: tuple(each.shape or ()) for each in canonical.graph.inputs}
    rows = first_dimension(shapes[first])

    def is_by_row(name: str, value: Array) -> bool:
        own = first_dimension(shapes[name])
        return value.ndim > 0 and len(value) == len(x) and (own == rows or _is_open(own) or _is_open(rows))

    return frozenset(name for name, value in feeds.items() if is_by_row(name, value))


def _is_open(length: int | str | None) -> bool:
    """Whether a file says nothing about a length, as by a symbol that stands for itself alone."""
    return length is None or (isinstance(length, str) and re.fullmatch(r"s\d+", length) is not None)


def first_dimension(shape: tuple[int | str | None, ...]) -> int | str | None:
    """Return the first dimension of a shape that a file states; None where it states none."""
    first = shape[0] if shape else None
    return None if isinstance(first, int) and first < 1 else first or None
