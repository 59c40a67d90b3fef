"""What a user names as the inputs of a run: files in a fixed order, each with a name relative to one folder.

A folder stands for all inputs below it in the order of their names, a glob for what it fits, and a text file for the
paths in it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from glob import has_magic, iglob
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain.errors import BadInputError, UsageError
from onnxplain.files import regular
from onnxplain.inputs.folder import is_input
from onnxplain.inputs.table_file import is_table_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIST = ".txt"
"""The ending of a text file with one path a line."""


class Source(NamedTuple):
    """An input: its path, which may name an array in an .npz as "file.npz:key", and its name below the root."""

    path: str
    name: str


@dataclass
class Sources:
    """The inputs that were named.

    given: paths of files and folders, globs, and text files of paths. tables: whether the model reads tables.
    root: the folder that all names are relative to: the one that was given, or the lowest one that holds all.
    passed_over: how many files in folders were no inputs, and the first of them; counted while they are iterated over.

    Raises BadInputError for what does not exist, and UsageError where nothing is given.
    """

    given: Sequence[str]
    tables: bool = False
    root: Path = field(init=False)
    passed_over: list[str] = field(default_factory=list, init=False)
    count_passed_over: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not self.given:
            raise UsageError("a run needs at least one input: a folder, a file, a glob, or a text file of paths")
        self.root = Path(os.path.commonpath([_place(each) for each in self.given]))

    def __iter__(self) -> Iterator[Source]:
        """Yield the inputs. Raises BadInputError for a folder or a glob without any."""
        self.passed_over.clear()
        self.count_passed_over = 0
        for each in self.given:
            found = False
            for path in self._paths(each):
                found = True
                yield Source(path, os.path.relpath(path, self.root).replace(os.sep, "/"))
            if not found:
                raise BadInputError(f"{each}: no picture, DICOM file or array{self._or_table} there")

    def keep_apart(self, folder: str | Path) -> None:
        """Raise UsageError where a folder lies in one that is read, since what is written there would be an input."""
        for each in map(Path, self.given):
            if each.is_dir() and Path(folder).resolve().is_relative_to(each.resolve()):
                raise UsageError(f"{folder} lies in {each}, whose files are the inputs; give a folder beside it")

    @property
    def _or_table(self) -> str:
        return ", and no table," if self.tables else ""

    def _paths(self, given: str) -> Iterator[str]:
        path = os.path.abspath(given)  # noqa: PTH100  # a link stays what it is called
        if os.path.isdir(path):  # noqa: PTH112
            yield from self._below(path, (os.path.realpath(path),))
        elif _is_glob(given):
            yield from (each for each in sorted(iglob(path, recursive=True)) if os.path.isfile(each))  # noqa: PTH113,PTH207
        elif given.lower().endswith(LIST):
            yield from _listed(path)
        else:
            yield path

    def _below(self, folder: str, above: tuple[str, ...]) -> Iterator[str]:
        """Yield the inputs below a folder. above: the folders that lead to it, so that no link leads round."""
        for each in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if each.name.startswith("."):
                continue
            if each.is_dir():
                real = os.path.realpath(each.path)
                if real not in above:
                    yield from self._below(each.path, (*above, real))
            elif is_input(Path(each.path)) or (self.tables and is_table_file(each.path)):
                yield each.path
            else:
                self.count_passed_over += 1
                if len(self.passed_over) < 3:
                    self.passed_over.append(each.path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the files that were passed over."""
        more = self.count_passed_over - len(self.passed_over)
        names = [f"{each}: passed over, no input by its ending" for each in self.passed_over]
        return (*names, f"and {more} more files were passed over") if more else tuple(names)


def given(inputs: Any) -> list[str]:
    """Return paths from one path or a list of them. Raises UsageError for anything else."""
    listed = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    for each in listed:
        if not isinstance(each, (str, Path)):
            raise UsageError(
                f"inputs: a run reads files, and {type(each).__name__} is none; give a folder, paths or a glob, "
                "and save an array as .npy"
            )
    return [str(each) for each in listed]


def _is_glob(text: str) -> bool:
    return has_magic(text) and not os.path.lexists(text)


def _place(text: str) -> str:
    """Return the folder of what was given: itself, that of a file, or that before the first wildcard of a glob."""
    path = os.path.abspath(text)  # noqa: PTH100
    if os.path.isdir(path):  # noqa: PTH112
        return path
    if not _is_glob(text):
        regular(file_of(path), "an input, a folder of inputs, or a text file of paths")
        return os.path.dirname(path)  # noqa: PTH120
    while has_magic(path):
        path = os.path.dirname(path)  # noqa: PTH120
    return path


def file_of(path: str) -> str:
    """Return the path of an input's file, without the name of an array in an .npz."""
    file, colon, _ = path.rpartition(":")
    return file if colon and file.lower().endswith(".npz") else path


def _listed(path: str) -> Iterator[str]:
    """Yield the paths in a text file, one a line, relative to the folder of the file; blank lines are left out."""
    folder = os.path.dirname(path)  # noqa: PTH120
    try:
        with Path(path).open(encoding="utf-8") as file:
            yield from (os.path.normpath(os.path.join(folder, line)) for line in map(str.strip, file) if line)  # noqa: PTH118
    except UnicodeDecodeError as problem:
        raise BadInputError(f"{path}: no text in UTF-8 ({problem}); expected one path a line") from problem
