"""A composite: ordered (selector, rule) pairs over a base table; the first match wins, the table catches the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UnsupportedModelError
from onnxplain.plan.bound import bind
from onnxplain.plan.plan import Plan
from onnxplain.plan.selector import Network, Selector
from onnxplain.rules import describe

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs

    from onnxplain.ops import Family
    from onnxplain.plan.bound import Bound

Table = Mapping["Family", Callable[..., Any]]


@dataclass(frozen=True)
class Refuse:
    """In place of a rule: the method is undefined at this node, for this reason."""

    reason: str

    def __call__(self, *_: Any) -> Any:
        raise UnsupportedModelError(self.reason)


@dataclass(frozen=True)
class Composite:
    """Rules by selector over `base`, a table family -> rule."""

    base: Table
    rules: tuple[tuple[Selector, Callable[..., Any]], ...] = ()

    def resolve(self, graph: gs.Graph, root: str, target: str) -> Plan:
        """Choose a rule for every node; every error comes here, all nodes at once, before anything runs."""
        network = Network(bind(graph, root, target))
        steps = tuple(self._step(network, node) for node in network.nodes)
        problems = [problem for node, rule in steps if (problem := _problem(node, rule))]
        if problems:
            raise UnsupportedModelError("no plan for this model:\n  " + "\n  ".join(problems))
        return Plan(root, target, steps)

    def _step(self, network: Network, node: Bound) -> tuple[Bound, Callable[..., Any]]:
        """The node and its rule; a rule that looks at the graph around a node fits itself to it."""
        rule = self._rule(network, node)
        fit: Callable[..., tuple[Bound, Callable[..., Any]]] | None = getattr(rule, "fit", None)
        return fit(network, node) if fit else (node, rule)

    def _rule(self, network: Network, node: Bound) -> Callable[..., Any]:
        for selector, rule in self.rules:
            if selector.matches(network, node):
                return rule
        return self.base[node.family]


def _problem(node: Bound, rule: Callable[..., Any]) -> str | None:
    where = f"{node.op.name} (node {node.name!r})"
    if isinstance(rule, Refuse):
        return f"{where}: {rule.reason}"
    if getattr(rule, "needs_weights", False) and node.weight is None:
        return f"{where}: {describe(rule)} needs a weight, and a {node.family} node of this op has none"
    return None
