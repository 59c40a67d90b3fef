"""Walking the chain of a ledger: which of its lines are those that the lines behind them, and the head, state.

The line that the head states is taken for true, and so is what it states of the line before it, and so on backward: the
last line at which the chain breaks is the one that is off, or beside which something was taken out or put in.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxplain.runs.encoded import digest
from onnxplain.runs.ledger import Line
from onnxplain.runs.proof.form import COUNT, SHA, misfit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FORM = {"shard": COUNT, "done": COUNT, "failed": COUNT, "receipt": SHA, "npz": SHA, "previous": SHA}
_LONGEST = 1024
"""Bytes of a line beyond which it is none of a ledger."""


@dataclass
class Chain:
    """A ledger that was walked.

    count: its lines. first: what its first line states of the one before it, which is the job. last: sha256 of its last
    line. sha256: of the file. breaks: what is off by the number of the line, from 1. strays: lines of another shard
    than their place is for.
    """

    count: int = 0
    first: str | None = None
    last: str | None = None
    sha256: str = ""
    breaks: dict[int, str] = field(default_factory=dict)
    strays: dict[int, str] = field(default_factory=dict)

    def end(self, head: str | None) -> None:
        """Compare the last line with the head of the chain, as it is stated elsewhere."""
        if head is not None and self.last != head:
            what = "its sha256 is not the stated head; it was changed, or lines were taken out or put in at the end"
            self.breaks.setdefault(self.count, what)

    @property
    def broken(self) -> tuple[int, str] | None:
        """The line that is off, and why; None where the chain holds."""
        return max(self.breaks.items(), default=None) or min(self.strays.items(), default=None)


def walk(path: Path) -> Chain:
    """Return what a ledger's lines say of one another. Raises OSError where it cannot be read."""
    chain, whole = Chain(), hashlib.sha256()
    for number, raw in enumerate(_raw(path), 1):
        whole.update(raw)
        line, wrong = _line(raw)
        if wrong is not None:
            chain.breaks[number] = wrong
        if line is None:
            chain.last = digest(raw.removesuffix(b"\n"))
        else:
            if number == 1:
                chain.first = line.previous
            elif line.previous != chain.last:
                what = f"line {number} states another sha256 of it; it was changed, or a line was taken out or put in"
                chain.breaks.setdefault(number - 1, what)
            if line.shard != number - 1:
                chain.strays[number] = f"it is of shard {line.shard}, and in the place of shard {number - 1}"
            chain.last = digest(raw[:-1])
        chain.count = number
    chain.sha256 = whole.hexdigest()
    return chain


def lines(path: Path) -> Iterator[Line | None]:
    """Yield the lines of a ledger in their order; None for one that is none. Raises OSError where it cannot be read."""
    return (_line(raw)[0] for raw in _raw(path))


def _raw(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file with their ends; one that is too long, in parts."""
    with path.open("rb") as file:
        while raw := file.readline(_LONGEST):
            yield raw


def _line(raw: bytes) -> tuple[Line | None, str | None]:
    """Return the line that bytes hold, None where they hold none, and what is wrong with it."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None, "it is no JSON"
    wrong = misfit(found, _FORM)
    if wrong is not None:
        return None, wrong
    line = Line(**found)
    return line, None if line.encoded() + b"\n" == raw else "it is not in the form in which a run writes it"


def agreed(stated: dict[str, str]) -> str | None:
    """Return what most of several places state, the first of them where no two agree; None for no places.

    >>> agreed({"a": "x", "b": "y", "c": "y"}), agreed({"a": "y", "b": "z"})
    ('y', 'y')
    """
    known = list(stated.values())
    return max(known, key=known.count, default=None)
