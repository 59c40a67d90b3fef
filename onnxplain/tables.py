"""Feeds of a model whose inputs are the columns of a table: numbers and words, read from what a user has as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.feeds import Feeds
from onnxplain.inputs.batch import Batch
from onnxplain.inputs.content import bytes_of, is_file, name_of
from onnxplain.inputs.stored import EXPECTED, stored, stored_bytes
from onnxplain.inputs.table_file import is_table_file, read_columns
from onnxplain.joint_feeds import JointFeeds
from onnxplain.rows.probe import check_apart

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.inputs.table import Table
    from onnxplain.model import Model


class TableFeeds(Feeds):
    """Reads tables: a dict of columns, a list of dicts, a DataFrame, rows of values, or a .csv, .parquet or .npy file.

    A baseline is a table of one row, of a row for each, or of a background; by default zeros and empty words.
    """

    def __init__(self, model: Model, baseline: Any) -> None:
        if model.table is None:
            raise UsageError("the inputs of the model are no columns of a table")
        super().__init__(model, baseline)
        self._table: Table = model.table

    def read(self, x: Any) -> Batch:
        """See `Feeds`."""
        with self._model.limits.hold():
            rows, names, hashes = self._rows(x, "input")
        feeds = self._table.feeds(rows)
        check_apart(self._model.canonical, feeds, frozenset(feeds), self._model.fixed_batch)
        images = (None,) * len(rows)
        return Batch(rows, feeds, frozenset(feeds), names, images, None, self._model.notes, hashes, table=self._table)

    def baseline(self, batch: Batch, baseline: Any) -> Batch:
        """See `Feeds`."""
        given = self.numbers(batch, baseline)
        if len(given) not in (1, len(batch.x)):
            raise BadInputError(f"baseline of {len(given)} rows for {len(batch.x)}: give one for all, or one for each")
        repeated = np.broadcast_to(given, batch.x.shape)
        return replace(batch, x=repeated, feeds=self._table.feeds(repeated))

    def baselines(self, batch: Batch, baseline: Any) -> Array:
        """See `Feeds`."""
        return self.numbers(batch, baseline)

    def numbers(self, batch: Batch, baseline: Any) -> Array:  # noqa: ARG002
        """Return the rows of the baseline, objects [B, columns]."""
        given = self.asked(baseline)
        if given is None:
            return self._table.empty()[np.newaxis]
        if np.ndim(given) == 0 and isinstance(given, (int, float, np.number)) and not self._words:
            return np.array([[kind.type(given) for kind in self._table.kinds]], object)
        if np.ndim(given) == 0 and isinstance(given, (int, float, np.number)):
            raise BadInputError(
                f"baseline={given!r}: it has columns of words; give a row, as a dict with a value for each column"
            )
        return self._rows(given, "baseline")[0]

    def starts(self, batch: Batch) -> dict[str, Array]:  # noqa: ARG002
        """See `Feeds`."""
        return self._table.starts()

    @property
    def _words(self) -> bool:
        return any(part.words for part in self._table.parts)

    def kinds(self) -> dict[str, bool]:
        """Return the names that a column may have, the user's, the model's or its input's, and whether it has words."""
        kinds = [dtype.kind not in "biuf" for dtype in self._table.kinds]
        own = {part.name: part.words for part in self._table.parts}
        return own | dict(zip(self._model.features or self._table.names, kinds, strict=True))

    def _rows(self, given: Any, what: str) -> tuple[Array, tuple[str, ...], tuple[str | None, ...]]:
        """Return rows of the table, where each came from, and the SHA-256 of its file."""
        if not isinstance(given, (str, Path)) and not is_file(given):
            rows = self._table.rows(_columns(given), what, self._model.features)
            return rows, tuple(what if len(rows) == 1 else f"{what} {i}" for i in range(len(rows))), (None,) * len(rows)
        path = name_of(given, what)
        read, digest = read_columns(given, self.kinds())[:2] if is_table_file(given) else _array(given, path)
        if read is None:
            raise BadInputError(
                f"{path}: the model reads a table; pass a .csv, .parquet or .npy file, a dict or a DataFrame"
            )
        rows = self._table.rows(read, path, self._model.features)
        return rows, tuple(path if len(rows) == 1 else f"{path}[{i}]" for i in range(len(rows))), (digest,) * len(rows)


def _array(given: Any, name: str) -> tuple[Array | None, str | None]:
    """Return the array of a file, by its path or open, and the file's SHA-256."""
    return stored_bytes(bytes_of(given, EXPECTED), name) if is_file(given) else stored(name)


def _is_columns(given: dict[str, Any]) -> bool:
    return all(np.ndim(each) > 0 for each in given.values())


def _columns(given: Any) -> Any:
    """Return a dict of single values as one of columns of one row; anything else as it is."""
    if isinstance(given, dict) and not _is_columns(given):
        return {name: [value] if np.ndim(value) == 0 else value for name, value in given.items()}
    return given


def feeds_of(model: Model, baseline: ArrayLike | None) -> Feeds:
    """Return what reads the inputs of a model: its columns as a table, several inputs, or its explained input."""
    if model.together:
        return JointFeeds(model, baseline)
    return Feeds(model, baseline) if model.table is None else TableFeeds(model, baseline)
