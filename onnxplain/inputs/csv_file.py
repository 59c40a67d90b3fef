"""Tables in text files: values separated by commas, one row a line, the names of the columns in the first line."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.files import regular
from onnxplain.inputs.content import bytes_of, name_of

if TYPE_CHECKING:
    from onnxplain.inputs.content import Content

ENDING = ".csv"


class Columns(NamedTuple):
    """The values of columns by name, the SHA-256 of their file, and the names of all that it has."""

    values: dict[str, list[Any]]
    sha256: str
    names: tuple[str, ...]


def read_csv(source: Content) -> Columns:
    """Return the columns of a file, as text. source: its path, or the open file.

    Raises BadInputError for a file that is no table: no text, no rows, or rows of several lengths.
    """
    path, expected = name_of(source, "table"), f"a table in {ENDING}"
    if isinstance(source, (str, Path)):
        _check_size(path, regular(source, expected).stat().st_size)
    data = bytes_of(source, expected)
    _check_size(path, len(data))
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
    values = {name: [row[i].strip() for row in lines[1:]] for i, name in enumerate(names)}
    return Columns(values, hashlib.sha256(data).hexdigest(), tuple(names))


def _check_size(name: str, size: int) -> None:
    limits.check("array_bytes", size, f"{name!r} has {size} bytes")
