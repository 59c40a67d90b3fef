"""Tables in Parquet files, whose columns have names and types."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from onnxplain import limits
from onnxplain.errors import BadInputError, MissingExtraError
from onnxplain.inputs.content import bytes_of, name_of
from onnxplain.inputs.csv_file import Columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxplain.inputs.content import Content

ENDINGS = (".parquet", ".pq")
_OBJECT = 64
"""About how many bytes a value takes as a Python object, with its place in a list."""


def read_parquet(source: Content, words: Mapping[str, bool] | None) -> Columns:
    """Return the columns of a file by name. A value that is missing is "", as an empty cell of a CSV is.

    source: its path, or the open file. words: the columns to read, and whether each holds words; the rest of the file
    is not looked at, and a column that is not there is left out. None for all columns, of numbers.

    Raises BadInputError, which names the column, for one of another type, and for a file that cannot be read or has no
    rows; MissingExtraError without pyarrow.
    """
    path = name_of(source, "table")
    pa, parquet = _libraries(path)
    data = bytes_of(source, "a table in .parquet")
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        names, count = list(file.schema_arrow.names), file.metadata.num_rows
        chosen = _chosen(file, path, words)
        size = count * max(1, len(chosen)) * _OBJECT
        limits.check(
            "array_bytes", size, f"{path} has {count} rows of {len(chosen)} columns, about {size} bytes as objects"
        )
        found = _values(file.read(columns=chosen), chosen)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(path, problem) from problem
    return Columns(found, hashlib.sha256(data).hexdigest(), tuple(names))


def count_rows(path: str) -> int:
    """Return how many rows a file has, without reading them. Raises the errors of `read_parquet`."""
    pa, parquet = _libraries(path)
    try:
        return int(parquet.ParquetFile(path).metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(path, problem) from problem


def read_part(path: str, words: Mapping[str, bool] | None, start: int, stop: int) -> dict[str, list[Any]]:
    """Return some rows of a file as columns by name; only the groups of rows that they lie in are read.

    words: see `read_parquet`, whose errors are raised.
    """
    pa, parquet = _libraries(path)
    try:
        file, at = parquet.ParquetFile(path), 0
        chosen = _chosen(file, path, words)
        found: dict[str, list[Any]] = {name: [] for name in chosen}
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            first, last = max(start - at, 0), min(stop - at, rows)
            if first < last:
                part = _values(file.read_row_group(group, columns=chosen).slice(first, last - first), chosen)
                found = {name: found[name] + part[name] for name in chosen}
            at += rows
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise _unreadable(path, problem) from problem
    return found


def _unreadable(path: str | Path, problem: Exception) -> BadInputError:
    """Return the error for a file that pyarrow does not read; one of our own stays what it is."""
    if isinstance(problem, BadInputError):
        return problem
    return BadInputError(f"{path}: no table that pyarrow can read ({problem}); expected a Parquet file")


def _chosen(file: Any, path: str | Path, words: Mapping[str, bool] | None) -> list[str]:
    """Return the names of the columns to read of an open file, which are checked."""
    names = list(file.schema_arrow.names)
    chosen = names if words is None else [name for name in names if name in words]
    _check(path, names, chosen, file.metadata.num_rows)
    for name in chosen:
        _check_type(file.schema_arrow.field(name).type, name, path, words=bool(words and words[name]))
    return chosen


def _values(table: Any, chosen: list[str]) -> dict[str, list[Any]]:
    """Return the columns of a table as lists."""
    return {name: ["" if each is None else each for each in table.column(name).to_pylist()] for name in chosen}


def _check(path: str | Path, names: list[str], chosen: list[str], count: int) -> None:
    """Raise BadInputError for a file without rows, and for one with two columns of one name."""
    if not count:
        raise BadInputError(f"{path}: a table without rows; expected at least one")
    twice = next((name for name in chosen if names.count(name) > 1), None)
    if twice is not None:
        raise BadInputError(f"{path}: two columns have one name, {twice!r}")


def _check_type(kind: Any, name: str, path: str | Path, *, words: bool) -> None:
    """Raise BadInputError where a column holds no words, or no numbers. A column of nothing but nulls may be both."""
    from pyarrow import types

    own = kind.value_type if types.is_dictionary(kind) else kind
    is_words = types.is_string(own) or types.is_large_string(own)
    is_numbers = any(is_(own) for is_ in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal))
    if not (types.is_null(own) or (is_words if words else is_numbers)):
        wanted = "words" if words else "numbers"
        raise BadInputError(f"{path}: column {name!r} holds {kind}, and the model reads {wanted} there; convert it")


def _libraries(path: str | Path) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as problem:
        raise MissingExtraError(f"{path}: Parquet files need pyarrow: pip install 'onnxplain[table]'") from problem
    return pa, parquet
