"""The listing of a run, inputs.jsonl: one line an input, in a fixed order. It is written and read as a stream.

A line has the input's name relative to the data folder, the bytes and the sha256 of its file, both null where there was
no file, and the number of its rows where there are several, as in an array or a table.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain.errors import BadInputError
from onnxplain.files import regular
from onnxplain.progress import progress
from onnxplain.runs.encoded import encoded, file_digest
from onnxplain.runs.sources import file_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxplain.runs.sources import Source, Sources

NAME = "inputs.jsonl"
_EVERY = 256
"""After so many lines, it is noted where in the file a line begins."""


class Entry(NamedTuple):
    """A line of the listing. size, sha256: of the file; None where there was none. rows: how many it holds."""

    name: str
    size: int | None
    sha256: str | None
    rows: int = 1

    def line(self) -> bytes:
        """Return the line, with its line feed."""
        found: dict[str, Any] = {"name": self.name, "bytes": self.size, "sha256": self.sha256}
        return encoded(found if self.rows == 1 else {**found, "rows": self.rows}) + b"\n"

    def name_of(self, row: int) -> str:
        """Return the name of one of its rows."""
        return self.name if self.rows == 1 else f"{self.name}[{row}]"


class Piece(NamedTuple):
    """Consecutive rows of one input. first: index in the run of the first. start, stop: which rows of the input."""

    entry: Entry
    first: int
    start: int
    stop: int

    def part(self, start: int, stop: int) -> Piece:
        """Return the part of it that has these indices in the run."""
        start, stop = max(start, self.first), min(stop, self.first + self.stop - self.start)
        moved = self.start + start - self.first
        return Piece(self.entry, start, moved, moved + stop - start)

    @property
    def indices(self) -> range:
        """The indices of its rows in the run."""
        return range(self.first, self.first + self.stop - self.start)

    def name_of(self, index: int) -> str:
        """Return the name of a row by its index in the run."""
        return self.entry.name_of(index - self.first + self.start)


@dataclass
class Summary:
    """What a job says of its inputs, counted while they are listed: sha256 of the listing, files and rows."""

    files: int = 0
    rows: int = 0
    _sha: Any = field(default_factory=hashlib.sha256, repr=False)

    def add(self, entry: Entry) -> bytes:
        """Count an entry, and return its line."""
        line = entry.line()
        self.files += 1
        self.rows += entry.rows
        self._sha.update(line)
        return line

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return {"sha256": self._sha.hexdigest(), "files": self.files, "rows": self.rows}


def entries(sources: Sources, count: Callable[[str], int]) -> Iterator[Entry]:
    """Yield the entry of each source; each file is read once, for its sha256.

    count: returns how many rows a file has; where it cannot be read, it counts as one row, which will say why.
    """
    with progress("list", None, "file") as bar:
        for source in sources:
            yield _entry(source, count)
            bar.update(1)


def _entry(source: Source, count: Callable[[str], int]) -> Entry:
    try:
        path = regular(file_of(source.path), "an input")
        size, sha = path.stat().st_size, file_digest(path)
    except (BadInputError, OSError):
        return Entry(source.name, None, None)
    try:
        rows = count(source.path)
    except BadInputError:
        rows = 1
    return Entry(source.name, size, sha, max(rows, 1))


def same_files(sources: Sources, listing: Listing) -> bool:
    """Whether all sources have the names and the sizes in bytes that were listed."""
    for source, entry in zip_longest(sources, listing):
        if source is None or entry is None or source.name != entry.name:
            return False
        path = Path(file_of(source.path))
        if (path.stat().st_size if path.is_file() else None) != entry.size:
            return False
    return True


class Listing:
    """A listing that was written, of which the rows of any shard are found without reading all of it again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks = [(0, 0)]  # index of a row that begins a line, and where that line begins in the file

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in their order."""
        with self.path.open("rb") as file:
            yield from (self._entry(line) for line in file)

    def pieces(self, rows: range) -> Iterator[Piece]:
        """Yield what lies in a range of rows, in pieces of one input each."""
        first, offset = self._marks[bisect_right(self._marks, rows.start, key=lambda mark: mark[0]) - 1]
        with self.path.open("rb") as file:
            file.seek(offset)
            for number, line in enumerate(file):
                if first >= rows.stop:
                    return
                if number % _EVERY == 0 and first > self._marks[-1][0]:
                    self._marks.append((first, offset))
                entry = self._entry(line)
                if first + entry.rows > rows.start:
                    yield Piece(entry, first, 0, entry.rows).part(rows.start, rows.stop)
                first, offset = first + entry.rows, offset + len(line)

    def _entry(self, line: bytes) -> Entry:
        try:
            found = json.loads(line)
            return Entry(found["name"], found["bytes"], found["sha256"], found.get("rows", 1))
        except (ValueError, TypeError, KeyError) as problem:
            raise BadInputError(f"{self.path}: {line[:80]!r} is no line of a listing ({problem})") from problem
