"""Which class of one run is which class of another: by its label where both know labels, else by its index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array

NOT_ITS_CLASS = -1
"""What stands for the decision of a model with a single score against its class."""


@dataclass(frozen=True)
class Classes:
    """The classes of two runs. a, b: their labels, or None where a run knows none.

    Raises UsageError where the labels are not the same list and one stands twice in one of them, so that it names no
    class, or where none is in both.
    """

    a: Sequence[str] | None
    b: Sequence[str] | None
    _place: dict[int, int] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        place = None
        if self.a is not None and self.b is not None and tuple(self.a) != tuple(self.b):
            for labels in (self.a, self.b):
                twice = next((each for each in labels if labels.count(each) > 1), None)
                if twice is not None:
                    raise UsageError(
                        f"the label {twice!r} stands twice, and the labels of both runs are not the same list: "
                        "explain both with the same labels"
                    )
            if not set(self.a) & set(self.b):
                raise UsageError(
                    f"no class of A is one of B: {', '.join(self.a[:3])} ..., and {', '.join(self.b[:3])} ..."
                )
            place = {i: self.b.index(label) for i, label in enumerate(self.a) if label in self.b}
        object.__setattr__(self, "_place", place)

    def in_b(self, index: int) -> int | None:
        """Return the index in B of a class of A; None where B has no such class."""
        if self._place is None or index == NOT_ITS_CLASS:
            return index
        return self._place.get(index)

    def name_a(self, index: int) -> str:
        """Return the name of a class of A: its label, or its index."""
        return _name(self.a, index)

    def name_b(self, index: int) -> str:
        """Return the name of a class of B."""
        return _name(self.b, index)

    def check(self, scores_a: Array, scores_b: Array) -> None:
        """Raise UsageError where classes are told by their index, and the scores of a row are not as many in both."""
        if self._place is None and scores_a.size != scores_b.size:
            raise UsageError(
                f"the models have {scores_a.size} and {scores_b.size} scores: which class is which is known by labels "
                "alone; explain both with labels"
            )


def predicted(scores: Array) -> int:
    """Return the index of the class with the largest score. Of a single score, 0 where it is above 0, else -1."""
    flat = np.asarray(scores).ravel()
    if flat.size == 1:
        return 0 if flat[0] > 0 else NOT_ITS_CLASS
    return int(flat.argmax())


def _name(labels: Sequence[str] | None, index: int) -> str:
    if index == NOT_ITS_CLASS:
        return f"not {_name(labels, 0)}"
    return str(index) if labels is None else labels[index]
