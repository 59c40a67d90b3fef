"""Selectors: predicates over (network, node), joined by & | ~, that say where a rule of a composite applies."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from onnxplain.ops import Family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.plan.bound import Bound


@dataclass(frozen=True)
class Network:
    """The bound nodes between the explained input and the target, in order of execution."""

    nodes: Sequence[Bound]

    @cached_property
    def first(self) -> frozenset[str]:
        """Outputs of the mixing nodes that no mixing node lies before."""
        return frozenset(node.output for node in self.nodes if node.op.mixes and self.early(node))

    def early(self, node: Bound) -> bool:
        """Whether no mixing node lies before this one."""
        return not self._before[node.output]

    @cached_property
    def last(self) -> frozenset[str]:
        """Outputs of the mixing nodes that no mixing node lies behind."""
        behind = {name for node in self.nodes if node.op.mixes for name in self.upstream(node.output)}
        return frozenset(node.output for node in self.nodes if node.op.mixes and node.output not in behind)

    def upstream(self, value: str) -> set[str]:
        """Values that `value` depends on, itself left out."""
        found: set[str] = set()
        front = {value}
        for node in reversed(self.nodes):
            if node.output in front:
                arriving = {node.inputs[i] for i in node.operands}
                front |= arriving
                found |= arriving
        return found

    def feeding(self, node: Bound, position: int, passing: Callable[[Bound], bool]) -> tuple[Bound, ...]:
        """The nodes behind an operand, nearest first: those that `passing` holds of, and the first that it does not."""
        path, made = [], self._makers.get(node.inputs[position])
        while made is not None:
            path.append(made)
            made = self._makers.get(made.inputs[made.operands[0]]) if passing(made) else None
        return tuple(path)

    def made_by(self, node: Bound, position: int, source: Selector) -> bool:
        """Whether a node of `source` makes an operand, but for its arrangement, scale and shift."""
        path = self.feeding(node, position, lambda each: each.transparent or each.family is Family.SHAPE)
        return bool(path) and source.matches(self, path[-1])

    @cached_property
    def _makers(self) -> dict[str, Bound]:
        """The node that makes a value."""
        return {node.output: node for node in self.nodes}

    @cached_property
    def _before(self) -> dict[str, bool]:
        """For each value, whether a mixing node lies before the node that makes it."""
        before: dict[str, bool] = {}
        mixed: dict[str, bool] = {}
        for node in self.nodes:
            before[node.output] = any(mixed.get(node.inputs[i], False) for i in node.operands)
            mixed[node.output] = before[node.output] or node.op.mixes
        return before


@dataclass(frozen=True)
class Selector:
    """A named predicate. Build one with the functions below."""

    name: str
    matches: Callable[[Network, Bound], bool]

    def __and__(self, other: Selector) -> Selector:
        return Selector(
            f"({self.name} & {other.name})",
            lambda net, node: self.matches(net, node) and other.matches(net, node),
        )

    def __or__(self, other: Selector) -> Selector:
        return Selector(
            f"({self.name} | {other.name})",
            lambda net, node: self.matches(net, node) or other.matches(net, node),
        )

    def __invert__(self) -> Selector:
        return Selector(f"~{self.name}", lambda net, node: not self.matches(net, node))

    def __repr__(self) -> str:
        return self.name


def op(*names: str) -> Selector:
    """Nodes of these ONNX operators."""
    return Selector(f"op({', '.join(names)})", lambda _, node: node.op.name in names)


def family(*families: Family) -> Selector:
    """Nodes of these families."""
    return Selector(f"family({', '.join(families)})", lambda _, node: node.family in families)


def named(pattern: str) -> Selector:
    """Nodes whose name matches a shell pattern."""
    return Selector(f"named({pattern})", lambda _, node: fnmatchcase(node.name, pattern))


def between(start: str, stop: str) -> Selector:
    """Nodes on a path from the value `start` to the value `stop`."""

    def matches(net: Network, node: Bound) -> bool:
        inside = node.output == stop or node.output in net.upstream(stop)
        return inside and start in net.upstream(node.output)

    return Selector(f"between({start}, {stop})", matches)


def fed_by(source: Selector) -> Selector:
    """Nodes of one operand that a node of `source` makes, but for its order, scale and shift."""

    def matches(net: Network, node: Bound) -> bool:
        path = net.feeding(node, node.operands[0], lambda each: each.transparent)
        return bool(path) and source.matches(net, path[-1])

    return Selector(f"fed_by({source.name})", matches)


def attending(weights: Selector) -> Selector:
    """Products of two activations of which one, and one only, is made by a node of `weights`."""

    def matches(net: Network, node: Bound) -> bool:
        mixes = node.family is Family.BILINEAR and node.op.mixes
        return mixes and [net.made_by(node, i, weights) for i in node.operands].count(True) == 1

    return Selector(f"attending({weights.name})", matches)


weighted = Selector("weighted", lambda _, node: node.op.mixes and node.weight is not None)
"""Nodes that mix features by constant weights: convolutions and matrix products."""

first = Selector("first", lambda net, node: node.weight is not None and node.output in net.first)
"""Weighted nodes reached from the input with no weighted node before them."""

units = Selector("units", lambda net, node: node.family is Family.AFFINE and node.transparent and net.early(node))
"""Nodes that scale or shift the input before any weighted node: a normalisation that lies in the file."""

last = Selector("last", lambda net, node: node.weight is not None and node.output in net.last)
"""Weighted nodes with no weighted node behind them."""

rectifier = Selector("rectifier", lambda _, node: node.op.rectifier)
"""ReLU, its leaky kin and clips."""

activation = Selector("activation", lambda _, node: "value" in node.op.facts)
"""Nonlinear functions of the whole real line; not the square roots and exponentials of which norms are made."""
