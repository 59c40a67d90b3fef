"""A composite: ordered (selector, rule) pairs over a table of rules by family. It is what gives each node its rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.ops import Family
from onnxplain.plan.bound import bind
from onnxplain.plan.network import Network
from onnxplain.plan.plan import Plan, Step
from onnxplain.plan.selector import Selector
from onnxplain.rules.rule import BASELINE, Rule, as_rule, describe

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.plan.bound import Bound

Table: TypeAlias = Mapping[Family, Rule]
"""A rule for each family of operators."""


@dataclass(frozen=True)
class Refuse(Rule):
    """In place of a rule: the method is undefined at this node, for this reason."""

    reason: str

    def __call__(self, *_: Any) -> Any:
        raise UnsupportedModelError(self.reason)


@dataclass(frozen=True)
class Composite:
    """Rules by selector, over a table of rules by family.

    A node takes the rule of the first pair whose selector matches it, and else that of `base` for its family.

    preset: whether the composite is meant for any model, so that a selector may match nothing in some of them; where a
    selector of another composite matches nothing, a warning says so.

    Raises UsageError for what is no selector or no rule.
    """

    base: Table
    rules: tuple[tuple[Selector, Rule], ...] = ()
    preset: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.base, Mapping):
            raise UsageError(f"base={self.base!r}: expected a table, a dict of rules by family")
        for family in self.base:
            if family not in list(Family):
                raise UsageError(f"base: {family!r} is no family; expected one of {', '.join(Family)}")
        base = {Family(family): as_rule(rule, f"the table at {family}") for family, rule in self.base.items()}
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "rules", tuple(_pair(each) for each in self.rules))

    def resolve(self, graph: gs.Graph, root: str, target: str, replaced: str | None = None) -> Plan:
        """Choose a rule for every node between the values `root` and `target`.

        replaced: name of the input that a baseline replaces, where the method runs forward on one too, with which rules
        can compare; None for another method.
        Raises UnsupportedModelError, which lists all nodes at once, where a rule cannot stand at its node or there is
        none.
        """
        network = Network(bind(graph, root, target, replaced))
        chosen = [(node, self._rule(network, node)) for node in network.nodes]
        problems = [problem for node, rule in chosen if (problem := _problem(node, rule, baseline=bool(replaced)))]
        if problems:
            raise UnsupportedModelError("no plan for this model:", *problems)
        if not self.preset:
            self._warn(network)
        return Plan(root, target, tuple(Step(*rule.placed(network, node)) for node, rule in chosen if rule))

    def _rule(self, network: Network, node: Bound) -> Rule | None:
        for selector, rule in self.rules:
            if selector.matches(network, node):
                return rule
        return self.base.get(node.family)

    def _warn(self, network: Network) -> None:
        """Say which selectors match nothing: a name that is misspelt would go unnoticed."""
        for selector, rule in self.rules:
            if not any(selector.matches(network, node) for node in network.nodes):
                names = ", ".join(sorted({node.op.full_name for node in network.nodes}))
                warnings.warn(
                    f"{selector!r} matches no node of this model, so {describe(rule)} is not used; there are: {names}",
                    stacklevel=2,
                )


def _pair(pair: Any) -> tuple[Selector, Rule]:
    """Return a pair of a composite, checked."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], Selector):
        raise UsageError(f"rules: {pair!r}: expected pairs (selector, rule), such as (op('Conv'), lrp.ZPlus())")
    return pair[0], as_rule(pair[1], f"the rule of {pair[0]!r}")


def _problem(node: Bound, rule: Rule | None, *, baseline: bool) -> str | None:
    """Say why a rule cannot stand at a node; None where it can."""
    where = f"{node.op.full_name} (node {node.name!r})"
    if rule is None:
        return f"{where}: the table has no rule for {node.family} nodes"
    if isinstance(rule, Refuse):
        return f"{where}: {rule.reason}"
    if node.family not in rule.families:
        meant = " and ".join(sorted(rule.families))
        return f"{where}: {describe(rule)} is a rule for {meant} nodes, and this one is {node.family}"
    return next(_unmet(node, rule, where, baseline=baseline), None)


def _unmet(node: Bound, rule: Rule, where: str, *, baseline: bool) -> Iterator[str]:
    for need in sorted(rule.needs):
        if need == BASELINE and not baseline:
            yield f"{where}: {describe(rule)} compares with a baseline, and this method keeps none"
        elif need == "weight" and node.lacks(need):
            yield f"{where}: {describe(rule)} needs a weight, and a {node.family} node of this op has none"
        elif need == "elementwise" and node.lacks(need):
            yield f"{where}: {describe(rule)} passes a message on as it is, and this node mixes or rearranges elements"
        elif need != BASELINE and node.lacks(need):
            yield f"{where}: {describe(rule)} needs the fact {need!r}, which this operator does not state"
