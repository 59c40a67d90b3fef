"""What is known of the rows of a model: where the file has them, and where they lie in the graph that is explained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array

ADDED = -1
"""Stands for the axis of rows where the file has none, and one was added."""


@dataclass(frozen=True)
class Rows:
    """The rows of a model, whose explained input and scores have them first.

    proven: whether it is certain that these axes hold the rows and that no row influences another. moved: the axis that
    holds them in the file, by name of the input or of the scores, where it is not the first; ADDED where there is none.
    axes: the axis by name of an inner value, where it is known. by_row: the inputs that have an entry for each row;
    None where that is not known. scaled: whether rows that are run together share the scale of their integers, so that
    they are run one by one; what is apart is then what is computed but for rounding. problem: why the rows cannot be
    told apart, "" where they can, or may be.
    """

    proven: bool = False
    moved: Mapping[str, int] = field(default_factory=dict)
    axes: Mapping[str, int] = field(default_factory=dict, repr=False)
    by_row: frozenset[str] | None = None
    scaled: bool = False
    problem: str = ""

    def first(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        """Return arrays as the file takes or gives them with the rows first."""
        return {name: self._moved(name, value, back=False) for name, value in feeds.items()}

    def of_file(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        """Return arrays that have the rows first as the file takes or gives them."""
        return {name: self._moved(name, value, back=True) for name, value in feeds.items()}

    def axis(self, name: str) -> int:
        """Return the axis that holds the rows in an array that a user passes for an input, with one for them."""
        return max(self.moved.get(name, 0), 0)

    def given(self, feeds: Mapping[str, Any]) -> dict[str, Array]:
        """Return arrays that have the rows first as a user passes them, several rows at once."""
        return {name: np.moveaxis(value, 0, self.axis(name)) for name, value in feeds.items()}

    def _moved(self, name: str, value: Array, *, back: bool) -> Array:
        axis = self.moved.get(name, 0)
        if not axis:
            return value
        if axis == ADDED:
            return value[0] if back else value[np.newaxis]
        return np.ascontiguousarray(np.moveaxis(value, *((0, axis) if back else (axis, 0))))

    def elsewhere(self, name: str, shape: Sequence[int | str | None] | None) -> str:
        """Return where the rows lie in an inner value of this shape, in words; "" where on its first axis."""
        axis = self.axes.get(name)
        if axis == 0 or not shape or shape[0] == 1 or (axis is None and not self.proven):
            return ""
        return "no axis of it holds the rows alone" if axis is None else f"they lie on axis {axis}"

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each input, and for the scores, whose rows the file has elsewhere."""
        return tuple(
            f"{name}: the file states no batch axis there; it is taken for a batch of one row"
            if axis == ADDED
            else f"{name}: the file has its rows on axis {axis}; here they come first"
            for name, axis in self.moved.items()
        )
