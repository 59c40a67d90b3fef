"""What goes into the model: arrays by input name, cut into the batches that the file allows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError
from onnxplain.inputs import read_input

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxplain.model import Model

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Batch:
    """The explained input `x` [N, ...], all feeds by name, and what is known of where they came from."""

    x: Array
    feeds: dict[str, Array]
    names: tuple[str, ...] = ()
    images: tuple[Any, ...] | None = None
    channel_axis: int | None = None
    notes: tuple[str, ...] = field(default=())

    def rows(self, rows: slice) -> Batch:
        """Some rows alone."""
        n = len(self.x)
        feeds = {name: _fill(value, n, rows, 0) for name, value in self.feeds.items()}
        return replace(
            self, x=self.x[rows], feeds=feeds, names=self.names[rows], images=self.images and self.images[rows]
        )

    def at(self, name: str, rows: Sequence[int], points: Array) -> Batch:
        """Row rows[i] with the explained input `name` at points[i]; a row may come more than once."""
        n, index = len(self.x), np.asarray(rows)
        others = {key: value for key, value in self.feeds.items() if key != name}
        rest = {key: value[index] if value.ndim and len(value) == n else value for key, value in others.items()}
        return replace(self, x=points, feeds=rest | {name: points}, names=(), images=None)

    def moved(self, name: str, points: Array) -> Batch:
        """A batch of one row, that row once per point, with the explained input `name` at the points."""
        return self.at(name, [0] * len(points), points)


class Feeds:
    """Reads what a user passes for a model's inputs."""

    def __init__(self, model: Model, baseline: Any) -> None:
        self._model = model
        self._baseline = baseline

    def read(self, x: Any) -> Batch:
        """One batch from an array, a picture, a path, a list of them, or a dict input name -> array."""
        main = self._model.explained_input
        others = {}
        if isinstance(x, dict):
            self._check_names(x)
            needed = {value.name for value in self._model.canonical.graph.inputs} - {main.name}
            others = {name: np.asarray(value) for name, value in x.items() if name in needed}
            x = x[main.name]
        read = read_input(x, self._model.preprocess, self._model.input_shape, main.dtype)
        missing = [v.name for v in self._model.canonical.graph.inputs if v.name not in {main.name, *others}]
        if missing:
            raise BadInputError(
                f"the model also needs {', '.join(map(repr, missing))}: pass a dict with an array for each input"
            )
        feeds = {main.name: read.array, **others}
        return Batch(read.array, feeds, read.names, read.images, self._channel_axis(read.array), read.notes)

    def baseline(self, batch: Batch, baseline: Any) -> Batch:
        """The same batch with the explained input replaced by the baseline, one for all rows or one for each."""
        x = batch.x
        given = np.asarray(self._baseline if baseline is None else baseline, x.dtype)
        try:
            still = np.broadcast_to(given, x.shape)
        except ValueError as problem:
            raise BadInputError(f"baseline of shape {given.shape} for an input of shape {x.shape}") from problem
        return replace(batch, x=still, feeds=batch.feeds | {self._model.explained_input.name: still})

    def baselines(self, batch: Batch, baseline: Any) -> Array:
        """Baselines [B, ...] that are all for every row, from a number, one like a row, or an array of them."""
        row = batch.x.shape[1:]
        given = np.asarray(self._baseline if baseline is None else baseline, batch.x.dtype)
        many = given if given.ndim == len(row) + 1 else given[np.newaxis]
        try:
            return np.broadcast_to(many, (len(many), *row))
        except ValueError as problem:
            raise BadInputError(
                f"baselines of shape {given.shape} for rows of shape {row}: expected [B, {', '.join(map(str, row))}]"
            ) from problem

    def _check_names(self, x: dict[str, Any]) -> None:
        """Every name must be an input of the file, even if the scores do not depend on it."""
        known = self._model.canonical.inputs
        for name in x:
            if name not in known:
                raise BadInputError(f"the model has no input {name!r}; its inputs: {', '.join(map(repr, known))}")
        if self._model.explained_input.name not in x:
            raise BadInputError(f"no array for the explained input {self._model.explained_input.name!r}")

    def _channel_axis(self, x: Array) -> int | None:
        """The axis that `relevance` sums: stated by the preprocessing, else where an image has 1 or 3 channels."""
        if x.ndim != 4:
            return None
        if self._model.preprocess is not None and self._model.preprocess.layout:
            return self._model.preprocess.layout.index("C")
        return 3 if x.shape[3] in (1, 3) and x.shape[1] not in (1, 3) else 1


def rows_of(batch: Batch, fixed: int | None, most: int) -> Iterator[tuple[slice, dict[str, Array]]]:
    """Chunks of at most `most` rows, or of the batch size that the file is fixed to.

    There the last chunk is filled up by repeating its last row.
    """
    n = len(batch.x)
    size = fixed or min(n, most)
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        short = fixed - (rows.stop - rows.start) if fixed else 0
        yield rows, {name: _fill(value, n, rows, short) for name, value in batch.feeds.items()}


def _fill(value: Array, n: int, rows: slice, short: int) -> Array:
    if value.ndim == 0 or len(value) != n:
        return value
    if short:
        return np.concatenate([value[rows], *[value[rows.stop - 1 : rows.stop]] * short])
    return np.ascontiguousarray(value[rows])
