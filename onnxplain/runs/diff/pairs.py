"""The rows of two runs that are of one input, found by the sha256 of their files, and those that have no partner.

Where both runs list the same inputs in the same order, a row is that of the same index. Else the rows are matched by
the sha256 of the file and by the row's place in it; of files with the same content, the first one of A belongs to the
first one of B, and so on. That takes a few dozen bytes for a row; both runs are read shard by shard.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.runs.diff.classes import Classes
from onnxplain.runs.diff.tally import Missing
from onnxplain.runs.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.arrays import Array
    from onnxplain.runs.read import Row, Run

_BYTES = 8
"""The bytes of a digest that a key keeps; two of a million rows share one by chance once in ten million comparisons."""
_STEP = np.uint64(0x9E3779B97F4A7C15)
"""What is added to a key for each earlier row of the same content: an odd number, so that keys stay apart."""


class _Keys(NamedTuple):
    """For each row of a run, the keys of its content and of its name [N]."""

    content: Array
    name: Array


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of rows of two finished runs, in the order of A; iterating over them reads both.

    where: for A and B, keywords of `Run.open`, by which their rows are explained again, for pictures.
    """

    a: Run
    b: Run
    where: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})

    def opened(self) -> tuple[Run, Run]:
        """Return both runs, ready to explain rows again. Raises BadInputError where model or inputs are missing."""
        for run, known in zip((self.a, self.b), self.where, strict=True):
            if known:
                run.open(**known)
        return self.a, self.b

    @cached_property
    def classes(self) -> Classes:
        """Which class of A is which of B."""
        return Classes(self.a.labels, self.b.labels)

    def __iter__(self) -> Iterator[tuple[Row, Row]]:
        """Yield the rows of one input that both runs have explained."""
        there = self._places
        failed = {each.index for each in self.b.failed}
        for row in self.a.rows():
            place = row.index if there is None else int(there[row.index])
            if place >= 0 and place not in failed:
                yield row, self.b.row(place)

    def left_out(self) -> tuple[Missing, Missing]:
        """Return the rows of A that are not compared, and the inputs of B that A does not have, with the reasons."""
        a, b = Missing(), Missing()
        failed = [{each.index: each.reason for each in run.failed} for run in (self.a, self.b)]
        there = self._places
        renamed = self._same_names() if there is not None and (there < 0).any() else None
        for i, name in self._uncertain(there, failed):
            place = i if there is None else int(there[i])
            if i in failed[0]:
                a.add(name, f"A could not explain it: {failed[0][i]}")
            elif place in failed[1]:
                a.add(name, f"B could not explain it: {failed[1][place]}")
            else:
                other = renamed is not None and renamed[i]
                a.add(name, "B has another file of this name" if other else "B has no such input")
        if there is not None:
            matched = np.zeros(self.b.job.rows, bool)
            matched[there[there >= 0]] = True
            for name in (name for i, name in _names(self.b) if not matched[i]):
                b.add(name, "A has no such input")
        return a, b

    def _uncertain(self, there: Array | None, failed: list[dict[int, str]]) -> Iterator[tuple[int, str]]:
        """Yield index and name of each row of A that is not compared."""
        if there is None:
            out = failed[0].keys() | failed[1].keys()
            if not out:
                return
            yield from ((i, name) for i, name in _names(self.a) if i in out)
        else:
            yield from (
                (i, name) for i, name in _names(self.a) if there[i] < 0 or i in failed[0] or int(there[i]) in failed[1]
            )

    @cached_property
    def _places(self) -> Array | None:
        """The index in B of each row of A, -1 for none; None where each has its own index in both."""
        if self.a.job.asked["inputs"]["sha256"] == self.b.job.asked["inputs"]["sha256"]:
            return None
        a, b = (_keys(run).content for run in (self.a, self.b))
        _, mine, theirs = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        found = np.full(len(a), -1)
        found[mine] = theirs
        return found

    def _same_names(self) -> Array:
        """Return for each row of A whether B has one of its name."""
        a, b = (_keys(run).name for run in (self.a, self.b))
        return np.isin(a, b)


def _names(run: Run) -> Iterator[tuple[int, str]]:
    """Yield index and name of all rows of a run."""
    first = 0
    for entry in Listing(run.folder.listing):
        yield from ((first + i, entry.name_of(i)) for i in range(entry.rows))
        first += entry.rows


def _keys(run: Run) -> _Keys:
    """Return the keys of the rows of a run; no two rows of it have one key of content."""
    content, names = np.empty(run.job.rows, np.uint64), np.empty(run.job.rows, np.uint64)
    first = 0
    for entry in Listing(run.folder.listing):
        for i in range(entry.rows):
            # what could not be read has no content, and is known by its name alone
            content[first + i] = _key(f"{entry.sha256 or entry.name}[{i}]")
            names[first + i] = _key(entry.name_of(i))
        first += entry.rows
    return _Keys(content + _earlier(content) * _STEP, names)


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_BYTES])


def _earlier(keys: Array) -> Array:
    """Return for each key how many earlier ones are equal to it."""
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    found = np.empty(len(keys), np.uint64)
    found[order] = np.arange(len(keys)) - np.repeat(starts, counts)
    return found
