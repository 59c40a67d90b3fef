"""What a file gives for a batch: its own outputs by their names, as tensors and row by row."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.budget import BUSY_ROWS
from onnxplain.errors import RuntimeRefusalError, UnsupportedModelError
from onnxplain.guard.blame import cause
from onnxplain.rows.found import ADDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model


@dataclass(frozen=True)
class Outputs:
    """The outputs of a file for some rows.

    values: by name, an array as the file gives it or, of a ZipMap, a list of one map for each row. axes: the axis that
    holds the rows; None of an output that has no entry for each row. rows: how many there are.
    """

    values: Mapping[str, Any]
    axes: Mapping[str, int | None]
    rows: int

    def tensors(self) -> dict[str, Array]:
        """Return the outputs as arrays; one of maps has a row for each, with their values in the order of the keys."""
        return {
            name: value if isinstance(value, np.ndarray) else np.array([list(each.values()) for each in value], "f")
            for name, value in self.values.items()
            if isinstance(value, np.ndarray) or _are_maps(value)
        }

    def parameters(self) -> dict[str, dict[str, str]]:
        """Return what has to be said beside the tensors: the keys of maps, as text of JSON."""
        return {name: {"keys": json.dumps(list(v[0]))} for name, v in self.values.items() if _are_maps(v)}

    def by_row(self) -> list[Any]:
        """Return what the file gives for each row: the value of its only output or, of several, all by their names."""
        parts = {name: self._rows_of(name, value) for name, value in self.values.items()}
        if len(parts) == 1:
            return next(iter(parts.values()))
        return [{name: part[i] for name, part in parts.items()} for i in range(self.rows)]

    def _rows_of(self, name: str, value: Any) -> list[Any]:
        axis = self.axes[name]
        if axis is None:
            return [value] * self.rows
        return [value[i] if axis == 0 else value.take(i, axis) for i in range(self.rows)]


def outputs_of(model: Model, batch: Batch, beside: Mapping[str, Array]) -> Outputs:
    """Return what the untouched file gives for a batch, run by plain onnxruntime, some rows at once.

    beside: the inputs of the file that the scores do not depend on. Raises BadInputError for rows on which the file
    does not run.
    """
    count = len(batch.x)
    also = {name for name, value in beside.items() if value.ndim and len(value) == count}
    whole = replace(batch, feeds={**batch.feeds, **beside}, by_row=batch.by_row | also)
    parts = []
    for rows, short, feeds in whole.chunks(BUSY_ROWS, model.fixed_batch):
        asked = rows.stop - rows.start
        parts.append(_run(model, feeds, asked, asked + short))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _run(model: Model, feeds: Mapping[str, Array], asked: int, rows: int) -> Outputs:
    """Return what the file gives for the first `asked` of the rows of `feeds`; the others only fill them up."""
    try:
        found = model.outputs(feeds)
    except RuntimeRefusalError as problem:
        raise cause(model, problem, feeds) from problem
    axes = {name: _axis(model, name, value, rows) for name, value in found.items()}
    if asked < rows:
        found = {name: _first(value, axes[name], asked) for name, value in found.items()}
    return Outputs(found, axes, asked)


def _axis(model: Model, name: str, value: Any, rows: int) -> int | None:
    """Return the axis of an output that holds the rows; None where none does."""
    if isinstance(value, list):
        return 0 if len(value) == rows else None
    axis = model.canonical.rows.moved.get(name, 0)
    return axis if axis != ADDED and np.ndim(value) > axis and value.shape[axis] == rows else None


def _first(value: Any, axis: int | None, rows: int) -> Any:
    if axis is None:
        return value
    return value[:rows] if axis == 0 else value.take(range(rows), axis)


def _joined(parts: Sequence[Outputs]) -> Outputs:
    """Return outputs of several runs as those of one."""
    first = parts[0]
    values = {name: _together(name, [each.values[name] for each in parts], axis) for name, axis in first.axes.items()}
    return Outputs(values, first.axes, sum(each.rows for each in parts))


def _together(name: str, values: Sequence[Any], axis: int | None) -> Any:
    if axis is None:
        if any(not np.array_equal(values[0], each) for each in values[1:]):
            raise UnsupportedModelError(
                f"the output {name!r} has no entry for each row, and is another one for other rows; ask for rows one "
                f"by one, or for at most {BUSY_ROWS} at once"
            )
        return values[0]
    if isinstance(values[0], list):
        return [each for value in values for each in value]
    return np.concatenate(values, axis)


def _are_maps(value: Any) -> bool:
    """Whether an output is a list of maps that all have the same keys, as ZipMap makes it of one matrix."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, dict) and list(v) == list(value[0]) for v in value)
    )
