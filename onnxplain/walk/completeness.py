"""Where completeness is lost: DeepLIFT's law, checked node by node.

At every node Σ m Δx over the operands should be m Δy: then the sum over any cut through the graph, from the target to
the input, is the difference of the score from the baseline. A node where the two differ loses what lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.rules.rule import describe
from onnxplain.walk.book import Book

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.rules.rule import Rule
    from onnxplain.walk.site import Site

PART = 0.5
"""A node counts as one that loses the difference where it loses this part of what the worst node does."""


@dataclass(frozen=True)
class Loss:
    """What a node loses: m Δy - Σ m Δx, summed over the batch, in the unit of the score."""

    node: str
    op: str
    rule: str
    lost: float

    def __str__(self) -> str:
        return f"{self.lost:.3g} at {self.op} (node {self.node!r}, rule {self.rule})"


@dataclass
class Cuts(Book):
    """A book of what each node of a walk of multipliers loses, from the target down to the input."""

    losses: list[Loss] = field(default_factory=list)

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:
        """Enter one node."""
        due = _flow(site, message, site.y, site.y0)
        pairs = zip(answers, site.active_xs, site.baseline.active_xs, strict=True)
        found = sum(_flow(site, m, x, x0) for m, x, x0 in pairs)
        self.losses.append(Loss(site.node.name, site.node.op.name, describe(rule), due - found))

    @property
    def first(self) -> Loss | None:
        """The first node, from the target on, that loses much; None where none loses anything."""
        worst = max((abs(each.lost) for each in self.losses), default=0.0)
        return next((each for each in self.losses if worst and abs(each.lost) >= PART * worst), None)


def _flow(site: Site, m: Any, x: Any, x0: Any) -> float:
    """Return Σ m (x - x₀); what is -∞ on both sides, as a mask is, takes nothing."""
    move = x - x0
    return float(site.xp.where(site.xp.isfinite(move), m * move, 0.0).sum(dtype="float64"))
