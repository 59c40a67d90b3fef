"""What is true of the inputs of a run: the label of each, by the folder it lies in or by a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDERS = "folders"
"""The word that takes the name of the folder that an input lies in for its label."""
COLUMNS = ("name", "label")


@dataclass(frozen=True)
class Truth:
    """The labels of inputs. table: by the name of the input; None where its folder is its label."""

    table: Mapping[str, str] | None = None

    def of(self, name: str) -> str | None:
        """Return the label of the input of a name, relative to the data folder; None where none is known."""
        if self.table is not None:
            return self.table.get(name)
        folder = PurePosixPath(name).parent.name
        return folder or None


def read_truth(given: str | None, base: Path) -> Truth | None:
    """Return what a description of an audit says is true: "folders", the path of a .csv, or None.

    base: what a relative path is relative to. The table has the columns "name", of an input relative to the data
    folder, and "label". Raises BadInputError for a table that cannot be read or names an input twice.
    """
    if given is None:
        return None
    if given == FOLDERS:
        return Truth()
    if not given.endswith(".csv"):
        raise UsageError(f'truth = {given!r}: expected "{FOLDERS}" or the path of a .csv of names and labels')
    path = base / given
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return Truth(_labels(csv.DictReader(file), path))
    except (OSError, ValueError, csv.Error) as problem:
        if isinstance(problem, BadInputError):
            raise
        raise BadInputError(f"{path}: cannot read the table of labels ({problem})") from problem


def _labels(table: csv.DictReader[str], path: Path) -> dict[str, str]:
    names = table.fieldnames or ()
    if not set(COLUMNS) <= set(names):
        raise BadInputError(f"{path}: expected the columns {' and '.join(COLUMNS)}, found {', '.join(names) or 'none'}")
    found: dict[str, str] = {}
    for row in table:
        name, label = (row[each] for each in COLUMNS)
        if not name or not label:
            raise BadInputError(f"{path}: line {table.line_num}: a name or a label is empty")
        if name in found:
            raise BadInputError(f"{path}: line {table.line_num}: {name!r} is there twice")
        found[name] = label
    return found
