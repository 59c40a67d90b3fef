"""The conservation book: where relevance went, node by node.

At each node, arriving = leaving + bias + eps + lost + constants + gap. What does not leave for an operand was taken by
the bias, by the stabiliser (eps), by denominators of 0 (lost), or went to padding and constant operands of a node that
rearranges its inputs or selects from them, as the larger of x and a threshold (constants). The gap is what nothing
accounts for: rounding, in a sound walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
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
    """One node's account: sums over the batch, in the unit of the seed. scale: Σ|R| of what arrives."""

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

    def __add__(self, other: Entry) -> Entry:
        """Return the account of both: one node's, at several steps of a recurrence."""
        figures = [each.name for each in fields(self) if each.type == "float"]
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in figures})

    @property
    def gap(self) -> float:
        """What is not accounted for."""
        return self.arriving - self.leaving - self.bias - self.eps - self.lost - self.constants


@dataclass
class Book:
    """All entries, from the target down to the input; one for each node, whatever the steps of its recurrence."""

    entries: list[Entry] = field(default_factory=list)
    _steps: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:
        """Enter one node, where `message` arrived and `answers` left for the operands."""
        arriving, leaving = _sum(message), sum(map(_sum, answers))
        absorbed = dict(site.absorbed)
        if site.node.family is Family.SHAPE or (site.node.family is Family.SELECT and _has_constant_side(site)):
            absorbed["constants"] = arriving - leaving
        scale = _sum(site.xp.abs(message))
        self._add(Entry(site.node.name, site.node.op.name, describe(rule), arriving, leaving, scale, **absorbed), site)

    def _add(self, entry: Entry, site: Site) -> None:
        """Add an entry; within a recurrence, to that of the same node at the steps before."""
        place = self._steps.get(entry.node)
        if place is not None:
            self.entries[place] += entry
            return
        if site.node.loop is not None:
            self._steps[entry.node] = len(self.entries)
        self.entries.append(entry)

    def worst(self) -> Entry | None:
        """Return the entry with the largest gap in proportion to the relevance that arrived; None for an empty book."""
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
    """A book that keeps no accounts, but raises NumericalError at the first node that NaN or Inf leaves."""

    def enter(self, site: Site, rule: Rule, message: Any, answers: Sequence[Any]) -> None:  # noqa: ARG002
        """Check what left one node."""
        bad = sum(int((~site.xp.isfinite(answer)).sum()) for answer in answers)
        if bad:
            raise NumericalError(
                f"{site.node.op.name} (node {site.node.name!r}): {bad} of {sum(a.size for a in answers)} values that "
                f"{describe(rule)} sends back are NaN or Inf; {_advice(site)}"
            )


def _advice(site: Site) -> str:
    """Say what helps where NaN or Inf leave a node: not the same where they are what it reads."""
    if all(bool(site.xp.isfinite(x).all()) for x in site.active_xs):
        return 'try precision="float64", or a larger eps'
    return (
        "it reads NaN or Inf, such as a missing value, whose difference from a baseline is no number: fill it in "
        "before, or take a method without a baseline, such as gradient or lrp.epsilon"
    )


def _has_constant_side(site: Site) -> bool:
    """Whether an operand of a node of two sides is a constant, to which a message that it wins is not sent on."""
    return len(site.node.operands) < len(site.node.op.operands or ())


def _sum(message: Any) -> float:
    return float(message.sum(dtype="float64"))
