"""What a rule is: a function of one node and the message that arrives there, with the nodes that it is meant for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from onnxplain.errors import UsageError
from onnxplain.ops import Family

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network
    from onnxplain.walk.site import Site

Messages: TypeAlias = Any
"""An array for a node of one operand, or a tuple with an array for each operand."""

BASELINE = "baseline"
"""A need of rules that compare with a baseline: the method has to keep one."""


class Rule(Protocol):
    """How the message to a node's output becomes messages to its operands.

    families: where the rule may stand. needs: what else the node has to have, as `Bound.lacks` knows it: a fact of its
    op, "weight", "elementwise"; and BASELINE, which the method has to have. Both are checked when a plan is made.
    """

    families: ClassVar[frozenset[Family]] = frozenset(Family)
    needs: ClassVar[frozenset[str]] = frozenset()

    def placed(self, network: Network, node: Bound) -> tuple[Bound, Rule]:  # noqa: ARG002
        """Return the node and the rule as they stand in the plan; called once, when the plan is made.

        A rule that depends on what lies around its node looks there, and may add operands to the node, which then
        receive a message too, or take some away.
        """
        return node, self

    def takers(self, node: Bound) -> frozenset[str]:  # noqa: ARG002
        """Return what may take relevance at the node, so that no operand gets it; the words are those of the book."""
        return frozenset()

    def __call__(self, site: Site, message: AnyArray, /) -> Messages:
        """Return the message to the operand or, in a tuple, to each of them."""


Formula: TypeAlias = Callable[["Site", Any], Any]


@dataclass(frozen=True, repr=False)
class FormulaRule(Rule):
    """A rule without parameters: a function of site and message. It prints as the function's name."""

    formula: Formula
    families: frozenset[Family]  # type: ignore[misc]  # of this rule, where a class of rules states them for all
    needs: frozenset[str]  # type: ignore[misc]
    takes: frozenset[str] = frozenset()

    def takers(self, node: Bound) -> frozenset[str]:  # noqa: ARG002
        """See `Rule`: what the decorated function was declared with."""
        return self.takes

    def __call__(self, site: Site, message: AnyArray, /) -> Messages:
        return self.formula(site, message)

    def __repr__(self) -> str:
        return self.formula.__name__

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a decorated function by its name, under which its module holds this rule."""
        module, name = self.formula.__module__, self.formula.__qualname__
        if getattr(sys.modules.get(module), name, None) is self:
            return _named, (module, name)
        return FormulaRule, (self.formula, self.families, self.needs, self.takes)


def _named(module: str, name: str) -> Rule:
    found: Rule = getattr(import_module(module), name)
    return found


def rule(
    *families: Family, needs: tuple[str, ...] = (), takes: tuple[str, ...] = ()
) -> Callable[[Formula], FormulaRule]:
    """Make a rule of a function of site and message, for nodes of these families with these `needs`.

    takes: what takes relevance at the node (see `Rule.takers`).
    """

    def decorate(formula: Formula) -> FormulaRule:
        made = FormulaRule(formula, frozenset(families), frozenset(needs), frozenset(takes))
        object.__setattr__(made, "__doc__", formula.__doc__)
        return made

    return decorate


def as_rule(given: Any, where: str) -> Rule:
    """Return `given` as a rule; a plain function of site and message may stand at any node.

    Raises UsageError, which names `where` it was to stand, for what is no function.
    """
    if isinstance(given, type) or not callable(given):
        raise UsageError(
            f"{where}: {given!r} is no rule; expected one such as lrp.Epsilon(), or a function of (site, message)"
        )
    if hasattr(given, "families") and hasattr(given, "placed"):
        known: Rule = given
        return known
    return FormulaRule(given, frozenset(Family), frozenset())


def describe(rule: Rule) -> str:
    """Return the rule as a plan prints it."""
    return str(rule)
