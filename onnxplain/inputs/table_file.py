"""Tables in files, of text or in Parquet, and rows of numbers whose columns have names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, NumericalError
from onnxplain.inputs import csv_file, parquet_file
from onnxplain.inputs.content import is_file, name_of
from onnxplain.inputs.csv_file import Columns, read_csv
from onnxplain.inputs.parquet_file import read_parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.content import Content

ENDINGS = (csv_file.ENDING, *parquet_file.ENDINGS)


def is_table_file(source: object) -> bool:
    """Whether a source is the path of a table, or a file that is open under such a name."""
    return (isinstance(source, (str, Path)) or is_file(source)) and name_of(source, "").lower().endswith(ENDINGS)


def read_columns(source: Content, words: Mapping[str, bool] | None) -> Columns:
    """Return the columns of a file by name. A value that is missing is "".

    source: its path, or the open file, whose name says of which kind it is.
    words: the columns that are needed, and whether each holds words; None for all columns, of numbers. In a file of
    text, all columns are read, as text. Raises BadInputError for a file that is no such table.
    """
    if name_of(source, "").lower().endswith(csv_file.ENDING):
        return read_csv(source)
    return read_parquet(source, words)


def named_rows(source: Any, names: Sequence[str] | None) -> tuple[Array, str | None] | None:
    """Return a table whose columns have names as numbers, float64 [N, columns], and the SHA-256 of its file.

    source: a .csv or .parquet, by its path or open, a DataFrame, or a list of dicts; None is returned for anything
    else. names: of the columns in the model's order: they are taken by name. Without names they are taken as they
    stand, and dicts refused.
    Raises BadInputError, which names the column, where one is missing or holds what is no number.
    """
    digest, what, known = None, "input", None
    if is_table_file(source):
        what = name_of(source, what)
        columns, digest, known = read_columns(source, None if names is None else dict.fromkeys(names, False))
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
        raise BadInputError(
            f"{what}: no column {missing[0]!r}, which the model reads; there are {', '.join(known or columns)}"
        )
    return np.array([_numbers(columns[name], name, what) for name in names or columns]).T, digest


def check_whole(table: Array, names: Sequence[str] | None, what: str) -> None:
    """Raise NumericalError, which names the column, where a table has a missing value, and its model takes none."""
    lost = np.argwhere(np.isnan(table))
    if len(lost):
        row, column = lost[0]
        name = f"column {column}" if names is None else f"column {names[column]!r}"
        raise NumericalError(
            f"{what}: {name} has no value in row {row}, counted from 0 ({len(lost)} missing in all), and the model "
            "takes no missing values: fill them in as in training"
        )


def _numbers(cells: Sequence[Any], name: str, what: str) -> Array:
    """Return a column as numbers; an empty cell is NaN."""
    try:
        return np.array([np.nan if cell == "" else float(cell) for cell in cells])
    except (TypeError, ValueError) as problem:
        raise BadInputError(f"{what}: column {name!r} holds no numbers ({problem})") from problem
