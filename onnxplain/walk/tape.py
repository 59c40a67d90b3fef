"""The tape: the values of one forward run that a walk may read, and a record of which ones it did read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import AnyArray


@dataclass(frozen=True)
class Reads:
    """What the walks of one plan have read: names of values, and names of values of which only the shape was read."""

    values: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Tape:
    """The values of one forward run, by name.

    constants: the graph's own, which are the same in every run. shapes: of values whose elements are not read.
    reads: notes what is read, so that the next run computes no more than that. keeps_book: whether rules should account
    for relevance that reaches no operand (see `Site.absorb`).
    """

    values: Mapping[str, AnyArray]
    constants: Mapping[str, AnyArray]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reads: Reads = field(default_factory=Reads)
    keeps_book: bool = False

    def __getitem__(self, name: str) -> AnyArray:
        if name in self.constants:
            return self.constants[name]
        self.reads.values.add(name)
        return self.values[name]

    def like(self, name: str) -> AnyArray:
        """Return an array that has the shape of the value `name`. Its elements must not be read."""
        if name in self.constants:
            return self.constants[name]
        self.reads.shapes.add(name)
        if name in self.values:
            return self.values[name]
        return np.broadcast_to(np.float32(np.nan), self.shapes[name])


@dataclass(frozen=True)
class StepTape:
    """The values inside a recurrence at one of its steps, out of the tape of the values outside.

    taps: by name of a value inside, that of the sequence of its values outside. at: takes the entry of this step out of
    a sequence. held: makes a constant one of the walk at this step.
    """

    tape: Tape
    taps: Mapping[str, str]
    at: Callable[[AnyArray], AnyArray]
    held: Callable[[AnyArray], AnyArray]

    @property
    def keeps_book(self) -> bool:
        """See `Tape`."""
        return self.tape.keeps_book

    def __getitem__(self, name: str) -> AnyArray:
        if name in self.tape.constants:
            return self.held(self.tape.constants[name])
        return self.at(self.tape[self.taps[name]])

    def like(self, name: str) -> AnyArray:
        """See `Tape`."""
        if name in self.tape.constants:
            return self.held(self.tape.constants[name])
        return self.at(self.tape.like(self.taps[name]))
