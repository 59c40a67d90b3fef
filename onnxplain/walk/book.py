"""The conservation book: where relevance went, node by node.

At each node: arriving = leaving + bias + eps + lost + constants + gap, where `constants` is what a rearranging node
hands to padding and constant operands, and `gap` is what no one accounts for: rounding, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import NumericalError
from onnxplain.ops import Family
from onnxplain.rules.rule import describe
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.rules.rule import Rule
    from onnxplain.walk.site import Site


@dataclass(frozen=True)
class Entry:
    """One node's account; sums over the batch, in the unit of the seed. `scale` is Σ|R| arriving."""

    node: str
    op: str
    rule: str
    arriving: float
    leaving: float
    scale: float
    bias: float = 0.0
    eps: float = 0.0
    lost: float = 0.0
    constants: float = 0.0

    @property
    def gap(self) -> float:
        """What is unaccounted for."""
        return self.arriving - self.leaving - self.bias - self.eps - self.lost - self.constants


@dataclass
class Book:
    """All entries, from the target down to the input."""

    entries: list[Entry] = field(default_factory=list)

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:
        """Book one node: `message` arrived, `answers` left."""
        arriving, leaving = _sum(message), sum(map(_sum, answers))
        absorbed = dict(site.absorbed)
        if site.node.family is Family.SHAPE:
            absorbed["constants"] = arriving - leaving
        self.entries.append(
            Entry(
                site.node.name,
                site.node.op.name,
                describe(rule),
                arriving,
                leaving,
                _sum(site.xp.abs(message)),
                **absorbed,
            )
        )

    def worst(self) -> Entry | None:
        """The entry with the largest gap relative to the relevance that arrived."""
        return max(self.entries, key=lambda e: abs(e.gap) / (e.scale or 1.0), default=None)

    def __str__(self) -> str:
        head = ("node", "op", "rule", "arriving", "leaving", "bias", "eps", "lost", "constants", "gap")
        figures = [[getattr(e, name) for name in head[3:]] for e in self.entries]
        rows = zip(self.entries, figures, strict=True)
        lines = [columns([head, *((e.node, e.op, e.rule, *(f"{v:.6g}" for v in row)) for e, row in rows)])]
        if worst := self.worst():
            lines.append(f"largest gap: {worst.gap:.3g} of {worst.scale:.3g} at {worst.node!r}")
        return "\n".join(lines)


class Watch(Book):
    """A book that keeps no accounts: it raises where the first NaN or Inf leaves a node."""

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:  # noqa: ARG002
        """Look at what left one node."""
        bad = sum(int((~site.xp.isfinite(answer)).sum()) for answer in answers)
        if bad:
            raise NumericalError(
                f"{site.node.op.name} (node {site.node.name!r}): {bad} of {sum(a.size for a in answers)} values that "
                f'{describe(rule)} sends back are NaN or Inf; try precision="float64", or a larger eps'
            )


def _sum(message: Any) -> float:
    return float(message.sum(dtype="float64"))
