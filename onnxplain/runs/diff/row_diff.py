"""How far two runs are apart on one input: the class, the score, and the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.runs.diff.classes import predicted
from onnxplain.runs.diff.likeness import Likeness, likeness

if TYPE_CHECKING:
    from onnxplain.runs.diff.classes import Classes
    from onnxplain.runs.read import Row

SCORES = {"changed": "lower", "score_change": "", "score_distance": "lower"}
"""The quantities of every row, and which values of them are good."""
MAPS = {"spearman": "higher", "cosine": "higher", "relative_l2": "lower", "overlap": "higher", "sign_flips": "lower"}
"""The quantities of a row whose maps explain the same class in both runs."""
QUANTITIES = {**SCORES, **MAPS}
UNLIKE = -2.0
"""What a row counts as in the order of the worst ones whose maps are not comparable: below any correlation."""


@dataclass(frozen=True)
class RowDiff:
    """How far B is from A on one input.

    name: of the input, as A has it. index: of the row in A and in B. target: the class that A explains, by name.
    predicted: the names of the classes that A and B predict. changed: whether these are two classes.
    score: of A, for the class that it explains. score_change: the score of B for that class, less that of A; None where
    B has no such class. alike: of both maps; None where they explain two classes.
    """

    name: str
    index: tuple[int, int]
    target: str
    predicted: tuple[str, str]
    changed: bool
    score: float
    score_change: float | None
    alike: Likeness | None

    def value(self, quantity: str) -> float | None:
        """Return a quantity of the row; None where it has none."""
        if quantity == "changed":
            return float(self.changed)
        if quantity == "score_change":
            return self.score_change
        if quantity == "score_distance":
            return None if self.score_change is None else abs(self.score_change)
        return None if self.alike is None else float(getattr(self.alike, quantity))

    @property
    def rank(self) -> float:
        """What the worst rows are ordered by, the lowest first: Spearman's correlation."""
        return UNLIKE if self.alike is None else self.alike.spearman

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        found = {"name": self.name, "row": list(self.index), "target": self.target, "predicted": list(self.predicted)}
        return {**found, "score": self.score, **{name: self.value(name) for name in QUANTITIES}}


def row_diff(a: Row, b: Row, classes: Classes) -> RowDiff:
    """Compare two rows of one input.

    Raises UsageError where both maps explain one class and have two shapes, or where it is not known which class of
    the one model is which of the other.
    """
    classes.check(a.scores, b.scores)
    first, second = predicted(a.scores), predicted(b.scores)
    target = classes.in_b(a.target)
    there = b.score if target == b.target else None if target is None else float(b.scores.ravel()[target])
    return RowDiff(
        name=a.name,
        index=(a.index, b.index),
        target=a.label,
        predicted=(classes.name_a(first), classes.name_b(second)),
        changed=classes.in_b(first) != second,
        score=float(a.score),
        score_change=None if there is None else float(there) - float(a.score),
        alike=_alike(a, b) if target == b.target else None,
    )


def _alike(a: Row, b: Row) -> Likeness:
    if a.relevance.shape != b.relevance.shape:
        raise UsageError(
            f"{a.name}: the maps have the sizes {list(a.relevance.shape)} and {list(b.relevance.shape)}; maps of two "
            "sizes are not compared"
        )
    return likeness(a.relevance, b.relevance)
