"""Tables in text files: values separated by commas, one row a line, the names of the columns in the first line."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.files import regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

ENDING = ".csv"


def read_csv(path: str | Path) -> tuple[dict[str, list[str]], str]:
    """Return the columns of a file by name, as text, and the file's SHA-256.

    Raises BadInputError for a file that is no table: no text, no rows, or rows of several lengths.
    """
    file = regular(str(path), f"a table in {ENDING}")
    limits.check("array_bytes", file.stat().st_size, f"{str(path)!r} has {file.stat().st_size} bytes")
    data = file.read_bytes()
    try:
        lines = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadInputError(f"{path}: no table of text separated by commas ({problem})") from problem
    if len(lines) < 2:
        raise BadInputError(f"{path}: expected the names of the columns in the first line, and rows below it")
    names = [name.strip() for name in lines[0]]
    wrong = next((i for i, row in enumerate(lines) if len(row) != len(names)), None)
    if wrong is not None:
        raise BadInputError(
            f"{path}: line {wrong + 1} has {len(lines[wrong])} values, and the first {len(names)} names"
        )
    if len(set(names)) < len(names):
        raise BadInputError(f"{path}: two columns have one name; the first line has to name each column")
    return {name: [row[i].strip() for row in lines[1:]] for i, name in enumerate(names)}, hashlib.sha256(
        data
    ).hexdigest()


def named_rows(source: Any, names: Sequence[str] | None) -> tuple[Array, str | None] | None:
    """Return a table whose columns have names as numbers, float64 [N, columns], and the SHA-256 of its file.

    source: the path of a .csv, a DataFrame, or a list of dicts; None is returned for anything else. names: of the
    columns in the model's order: they are taken by name. Without names they are taken as they stand, and dicts refused.
    Raises BadInputError, which names the column, where one is missing or holds what is no number.
    """
    digest, what = None, "input"
    if isinstance(source, (str, Path)) and str(source).lower().endswith(ENDING):
        what = str(source)
        columns, digest = read_csv(source)
    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):
        columns = {str(name): list(source[name]) for name in source.columns}
    elif isinstance(source, list) and source and all(isinstance(each, Mapping) for each in source):
        columns = {str(name): [each.get(name, "no value") for each in source] for name in source[0]}
        if names is None:
            raise BadInputError(f"{what}: rows by name for a model whose columns have none; load it with features=")
    else:
        return None
    missing = [name for name in names or () if name not in columns]
    if missing:
        raise BadInputError(f"{what}: no column {missing[0]!r}, which the model reads; there are {', '.join(columns)}")
    return np.array([_numbers(columns[name], name, what) for name in names or columns]).T, digest


def _numbers(cells: Sequence[Any], name: str, what: str) -> Array:
    """Return a column as numbers; an empty cell is NaN."""
    try:
        return np.array([np.nan if cell == "" else float(cell) for cell in cells])
    except (TypeError, ValueError) as problem:
        raise BadInputError(f"{what}: column {name!r} holds no numbers ({problem})") from problem
