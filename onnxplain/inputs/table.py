"""Tables: the inputs of a file that hold columns, of numbers and of words, seen as the columns of one table.

scikit-learn's exporters write one input for each column, float[N, 1], int64[N, 1] or string[N, 1], or one for several
columns of a kind. A row of the table holds their values side by side, as Python objects, and an attribution one number
for each column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError
from onnxplain.inputs.shape import static

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


@dataclass(frozen=True)
class Part:
    """The columns of one input: its name, how many, their element type, and whether it has no axis for them."""

    name: str
    width: int
    dtype: np.dtype[Any]
    flat: bool = False

    @property
    def words(self) -> bool:
        """Whether its values are words."""
        return self.dtype.kind not in "biuf"

    @property
    def names(self) -> list[str]:
        """The names of its columns: its own, with a number where it has several."""
        return [self.name] if self.width == 1 else [f"{self.name}[{i}]" for i in range(self.width)]


@dataclass(frozen=True)
class Table:
    """The inputs of a file as one table of M columns."""

    parts: tuple[Part, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each column."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def kinds(self) -> tuple[np.dtype[Any], ...]:
        """The element type of each column."""
        return tuple(part.dtype for part in self.parts for _ in range(part.width))

    def feeds(self, x: Array) -> dict[str, Array]:
        """Return the arrays of the inputs, by name, for rows of the table [N, M]."""
        found, start = {}, 0
        for part in self.parts:
            columns = x[:, start : start + part.width]
            array = columns.astype(object if part.words else part.dtype)
            found[part.name] = np.ascontiguousarray(array[:, 0] if part.flat else array)
            start += part.width
        return found

    def starts(self) -> dict[str, Array]:
        """Return the numbers of the columns of each input, by its name, laid out as a row of it."""
        found, start = {}, 0
        for part in self.parts:
            own = np.arange(start, start + part.width)
            found[part.name] = own if part.flat else own[np.newaxis]
            start += part.width
        return found

    def rows(self, given: Any, what: str, names: Sequence[str] | None = None) -> Array:
        """Return rows as the model takes them, objects [N, M].

        given: a dict of columns or of inputs, a list of dicts, a DataFrame, or rows [N, M] in the order of the columns;
        a single row too. names: what the user calls the columns. what: what messages call what is given.
        Raises BadInputError, which names the column, where one is missing or holds what the model does not take.
        """
        columns = self._columns(given, what, list(names or self.names))
        lengths = {len(each) for each in columns}
        if lengths == {0}:
            raise BadInputError(f"{what}: an empty table; expected at least one row")
        if len(lengths - {1}) > 1:
            raise BadInputError(f"{what}: columns of several lengths, {sorted(lengths)}")
        count = max(lengths)
        rows = np.empty((count, len(columns)), object)
        for i, (column, name, dtype) in enumerate(zip(columns, self.names, self.kinds, strict=True)):
            rows[:, i] = [_value(each, name, what, dtype) for each in column] * (1 if len(column) == count else count)
        return rows

    def empty(self) -> Array:
        """Return a row of zeros and empty words, objects [M]."""
        return np.array(["" if dtype.kind not in "biuf" else dtype.type(0) for dtype in self.kinds], object)

    def _columns(self, given: Any, what: str, names: list[str]) -> list[list[Any]]:
        """Return the values of each column, from whatever form the table has."""
        if isinstance(given, Sequence) and given and all(isinstance(each, Mapping) for each in given):
            missing = next((n for n in names for each in given if n not in each), None)
            if missing is not None:
                raise BadInputError(f"{what}: a row has no column {missing!r}; the model reads {', '.join(names)}")
            return [[each[name] for each in given] for name in names]
        if isinstance(given, Mapping) or hasattr(given, "columns"):
            return self._named(given, what, names)
        rows = np.array(given, object)
        rows = rows[np.newaxis] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != len(names):
            shape = list(rows.shape)
            raise BadInputError(
                f"{what}: rows of shape {shape}; the model reads {len(names)} columns: {', '.join(names)}"
            )
        return [list(column) for column in rows.T]

    def _named(self, given: Any, what: str, names: list[str]) -> list[list[Any]]:
        """Return the values of each column from a dict or a DataFrame, by the column's name or by that of its input."""
        inputs = {part.name: part for part in self.parts}
        found: dict[str, list[Any]] = {}
        for key in given if isinstance(given, Mapping) else given.columns:
            values = np.asarray(given[key], object)
            part = inputs.get(key)
            if key in names:
                found[key] = list(values.ravel())
            elif part is not None:
                own = dict(zip(self.names, names, strict=True))
                columns = values.reshape(-1, part.width).T
                found |= {own[name]: list(each) for name, each in zip(part.names, columns, strict=True)}
        if missing := [name for name in names if name not in found]:
            raise BadInputError(f"{what}: no column {missing[0]!r}; the model reads {', '.join(names)}")
        return [found[name] for name in names]


def _value(value: Any, name: str, what: str, dtype: np.dtype[Any]) -> Any:
    """Return one value in the element type of its column. Raises BadInputError where it is none."""
    if dtype.kind not in "biuf":
        if not isinstance(value, str):
            raise BadInputError(f"{what}: column {name!r} holds words, and {value!r} is none")
        return str(value)
    try:
        number = dtype.type(value)
    except (TypeError, ValueError, OverflowError):
        raise BadInputError(f"{what}: column {name!r} holds {dtype}, and {value!r} is no such number") from None
    if np.ndim(number) or (dtype.kind in "biu" and number != _plain(value)):
        raise BadInputError(f"{what}: column {name!r} holds {dtype}, and {value!r} is no such number")
    return number


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def table_of(inputs: Sequence[gs.Variable], dtype_of: Any) -> Table | None:
    """Return the inputs as a table; None where they are none.

    Each has one axis of rows, and one of a stated number of columns or none. There are several, or they hold words; and
    unless one holds words or a single column, or floats, they may be token ids with a mask.
    """
    parts = []
    for value in inputs:
        shape = value.shape
        width = 1 if shape is not None and len(shape) == 1 else static(shape[1]) if shape and len(shape) == 2 else None
        if shape is None or width is None:
            return None
        parts.append(Part(value.name, width, np.dtype(dtype_of(value) or np.float32), len(shape) == 1))
    words = any(part.words for part in parts)
    columns = len(parts) > 1 and any(part.width == 1 or part.dtype.kind == "f" for part in parts)
    return Table(tuple(parts)) if parts and (words or columns) else None
