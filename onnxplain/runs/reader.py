"""Reading the rows of listed inputs: parts of arrays and tables, and pictures."""

from __future__ import annotations

import csv
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.files import regular
from onnxplain.inputs.csv_file import ENDING
from onnxplain.inputs.dicom import count_frames
from onnxplain.inputs.parquet_file import count_rows, read_part
from onnxplain.inputs.stored import stored
from onnxplain.inputs.table_file import is_table_file
from onnxplain.runs.encoded import file_digest
from onnxplain.runs.sources import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.runs.listing import Piece

_BLOCK = 2**24
"""So many bytes of an array are read at a time, where a batch does not ask for more."""


class Columns:
    """Columns of a table by name. It looks like a DataFrame to what reads inputs, for which a dict has other names."""

    def __init__(self, values: dict[str, list[Any]]) -> None:
        self._values, self.columns = values, list(values)

    def __getitem__(self, name: str) -> list[Any]:
        return self._values[name]


def reads_tables(model: Model) -> bool:
    """Whether a model reads rows of columns, so that .csv and .parquet files are inputs of it."""
    return model.table is not None or len(model.input_shape) == 2


def check_single_input(model: Model) -> None:
    """Raise UsageError for a model with an input beside the explained one, which a run has no array for.

    Raises UnsupportedModelError for a model without a file: what a run proves, it proves of a file.
    """
    model.check_has_file("a run")
    others = [each.name for each in model.canonical.graph.inputs if each.name != model.explained_input.name]
    if others and model.table is None:
        raise UsageError(
            f"the model also needs {', '.join(map(repr, others))}, and a run reads one input; "
            "give a constant one to load(fixed=...), or use Explainer.stream"
        )


class Rows:
    """Counts and reads the rows of files as a model takes them. feeds: of an explainer of the model."""

    def __init__(self, model: Model, feeds: Feeds, root: Path) -> None:
        self._model, self._feeds, self._root = model, feeds, root
        self._axis = model.canonical.rows.axis(model.explained_input.name)
        self._proven: tuple[str, int, int] | None = None  # a file whose sha256 was found to be that of the listing
        self._held: tuple[str, int, int, Any] | None = None  # consecutive rows of a file: from, to, and what they are
        self._lines: tuple[str, int, Iterator[list[str]], list[str]] | None = None  # how far a .csv was read

    def count(self, path: str) -> int:
        """Return how many rows a file has. Raises BadInputError where it cannot be read."""
        if is_table_file(path):
            return _count_csv(path) if path.lower().endswith(ENDING) else count_rows(path)
        if _is_array(path):
            array = _array(path)
            return array.shape[self._axis] if self._has_rows(array) else 1
        return count_frames(path, path) if self._model.preprocess is None or self._model.preprocess.frame is None else 1

    def path(self, piece: Piece) -> str:
        """Return the path of the input of a piece."""
        return os.path.join(self._root, piece.entry.name)  # noqa: PTH118

    def read(self, piece: Piece) -> Batch:
        """Return the rows of a piece. Raises BadInputError where they cannot be read or are not what was listed."""
        path, entry = self.path(piece), piece.entry
        file = regular(file_of(path), "an input")
        if entry.sha256 is None:
            raise BadInputError(f"{path}: it was not there when the inputs were listed")
        if is_table_file(path):
            self._prove(file, piece)
            return self._feeds.read(self._table(path, piece))
        if _is_array(path):
            self._prove(file, piece)
            return self._feeds.read(self._rows(path, piece.start, piece.stop))
        return self._pictures(path, piece)

    def _pictures(self, path: str, piece: Piece) -> Batch:
        """Return pictures of a file, or frames of it."""
        if self._held is None or self._held[0] != path:
            self._held = None
            batch = self._feeds.read(path)
            found = batch.hashes[0] or file_digest(Path(path))
            if found != piece.entry.sha256:
                raise _changed(path)
            if len(batch.x) != piece.entry.rows:
                raise BadInputError(f"{path}: {len(batch.x)} rows were read, and {piece.entry.rows} are listed")
            if piece.entry.rows == 1:
                return batch
            self._held = path, 0, piece.entry.rows, batch
        batch = self._held[3]
        return batch.rows(slice(piece.start, piece.stop))

    def _prove(self, file: Path, piece: Piece) -> None:
        """Raise BadInputError where a file is not the one that was listed; it is read once, until its time changes."""
        stat = file.stat()
        state = str(file), stat.st_size, stat.st_mtime_ns
        if self._proven != state:
            if file_digest(file) != piece.entry.sha256:
                raise _changed(file)
            self._proven, self._held, self._lines = state, None, None

    def _has_rows(self, array: Array) -> bool:
        return array.ndim == len(self._model.input_shape) > self._axis

    def _rows(self, path: str, start: int, stop: int) -> Array:
        """Return rows of an array in a file, which is read in blocks, or all of an array without an axis of rows."""
        if self._held is None or self._held[0] != path or not self._held[1] <= start < stop <= self._held[2]:
            self._held = None
            whole = _array(path)
            if not self._has_rows(whole):
                return np.array(whole)
            rows = max(stop - start, _BLOCK * whole.shape[self._axis] // max(whole.nbytes, 1))
            self._held = path, start, start + rows, np.array(whole[self._along(start, start + rows)])
        _, first, _, block = self._held
        found: Array = block[self._along(start - first, stop - first)]
        return found

    def _along(self, start: int, stop: int) -> tuple[slice, ...]:
        """Return the index of rows along their axis."""
        return (*(slice(None),) * self._axis, slice(start, stop))

    def _table(self, path: str, piece: Piece) -> Any:
        """Return rows of a table as columns of text, or of what a Parquet file holds."""
        if not path.lower().endswith(ENDING):
            return Columns(read_part(path, self._feeds.kinds(), piece.start, piece.stop))
        if self._lines is None or self._lines[0] != path or self._lines[1] > piece.start:
            lines = _lines(path)
            self._lines = path, 0, lines, [name.strip() for name in next(lines, [])]
        _, at, lines, names = self._lines
        rows = list(islice(lines, piece.start - at, piece.stop - at))
        self._lines = path, piece.stop, lines, names
        if not rows:
            raise BadInputError(f"{path}: expected the names of the columns in the first line, and rows below it")
        if len(set(names)) < len(names):
            raise BadInputError(f"{path}: two columns have one name; the first line has to name each column")
        wrong = next((i for i, row in enumerate(rows) if len(row) != len(names)), None)
        if wrong is not None:
            raise BadInputError(
                f"{path}: row {piece.start + wrong} has {len(rows[wrong])} values for {len(names)} names"
            )
        return Columns({name: [row[i].strip() for row in rows] for i, name in enumerate(names)})


def _changed(path: str | Path) -> BadInputError:
    return BadInputError(f"{path}: it has changed since the inputs were listed: its sha256 is another one")


def _is_array(path: str) -> bool:
    return file_of(path).lower().endswith((".npy", ".npz"))


def _array(path: str) -> Array:
    """Return the array of a file. Raises BadInputError where it holds none."""
    if not path.lower().endswith(".npy"):
        array, _ = stored(path)
        if array is None:
            raise BadInputError(f"{path}: no array")
        return array
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as problem:
        raise BadInputError(f"{path}: cannot read the array ({problem})") from problem


def _lines(path: str) -> Iterator[list[str]]:
    """Yield the rows of a .csv, the names of its columns first; blank lines are left out."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            yield from (row for row in csv.reader(file) if row)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadInputError(f"{path}: no table of text separated by commas ({problem})") from problem


def _count_csv(path: str) -> int:
    return sum(1 for _ in _lines(path)) - 1
