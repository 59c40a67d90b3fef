"""The tape: the values of one forward run that the walk may read, and a note of which it did read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import AnyArray


@dataclass(frozen=True)
class Reads:
    """What walks of one plan have read: names of values, and names read for their shape only."""

    values: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Tape:
    """Values by name. `constants` are the graph's own; `shapes` stand in for values whose shape is all that is read."""

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
        """An array with the shape of the value `name`; its elements must not be read."""
        if name in self.constants:
            return self.constants[name]
        self.reads.shapes.add(name)
        if name in self.values:
            return self.values[name]
        return np.broadcast_to(np.float32(np.nan), self.shapes[name])
