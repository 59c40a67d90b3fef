"""Selectors: predicates over the nodes of a network, joined by & | ~, that say where a rule of a composite applies."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from onnxplain.ops import Family

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.plan.bound import Bound
    from onnxplain.plan.network import Network


@dataclass(frozen=True)
class Selector:
    """A predicate over nodes, under the name by which it prints. Build one with the functions below.

    The predicates are functions of this module, with their arguments bound, so that a selector can be pickled.
    """

    name: str
    matches: Callable[[Network, Bound], bool]

    def __and__(self, other: Selector) -> Selector:
        return Selector(f"({self.name} & {other.name})", partial(_both, self, other))

    def __or__(self, other: Selector) -> Selector:
        return Selector(f"({self.name} | {other.name})", partial(_either, self, other))

    def __invert__(self) -> Selector:
        return Selector(f"~{self.name}", partial(_not, self))

    def __repr__(self) -> str:
        return self.name


def _both(a: Selector, b: Selector, network: Network, node: Bound) -> bool:
    return a.matches(network, node) and b.matches(network, node)


def _either(a: Selector, b: Selector, network: Network, node: Bound) -> bool:
    return a.matches(network, node) or b.matches(network, node)


def _not(a: Selector, network: Network, node: Bound) -> bool:
    return not a.matches(network, node)


def op(*names: str) -> Selector:
    """Select nodes of these operators: ONNX's own by name, others with their domain, `com.microsoft::QuickGelu`."""
    return Selector(f"op({', '.join(names)})", partial(_is_op, names))


def _is_op(names: tuple[str, ...], _: Network, node: Bound) -> bool:
    return node.op.full_name in names or node.op.stands_for in names


def family(*families: Family) -> Selector:
    """Select nodes of these families."""
    return Selector(f"family({', '.join(families)})", partial(_is_family, families))


def _is_family(families: tuple[Family, ...], _: Network, node: Bound) -> bool:
    return node.family in families


def named(pattern: str) -> Selector:
    """Select nodes whose name matches a shell pattern."""
    return Selector(f"named({pattern})", partial(_is_named, pattern))


def _is_named(pattern: str, _: Network, node: Bound) -> bool:
    return fnmatchcase(node.name, pattern)


def between(start: str, stop: str) -> Selector:
    """Select nodes on a path from the value `start` to the value `stop`."""
    return Selector(f"between({start}, {stop})", partial(_is_between, start, stop))


def _is_between(start: str, stop: str, network: Network, node: Bound) -> bool:
    inside = node.output == stop or node.output in network.upstream(stop)
    return inside and start in network.upstream(node.output)


def fed_by(source: Selector) -> Selector:
    """Select nodes whose first operand a node of `source` makes, or is what it makes rearranged, scaled and shifted."""
    return Selector(f"fed_by({source.name})", partial(_is_fed_by, source))


def _is_fed_by(source: Selector, network: Network, node: Bound) -> bool:
    path = network.feeding(node, node.operands[0], lambda each: each.transparent)
    return bool(path) and source.matches(network, path[-1])


def made_of(source: Selector) -> Selector:
    """Select nodes whose first operand a node of `source` makes, or is what it makes copied, scaled and shifted."""
    return Selector(f"made_of({source.name})", partial(_is_made_of, source))


def _is_made_of(source: Selector, network: Network, node: Bound) -> bool:
    return made_by(network, node, node.operands[0], source)


def attending(weights: Selector) -> Selector:
    """Select products of two activations of which one, and one only, is made by a node of `weights`."""
    return Selector(f"attending({weights.name})", partial(_is_attending, weights))


def _is_attending(weights: Selector, network: Network, node: Bound) -> bool:
    return node.op.mixes and _is_scaled_by(weights, network, node)


def scaled_by(factor: Selector) -> Selector:
    """Select products of two activations, element by element, of which one only is made by a node of `factor`."""
    return ~Selector("mixing", _is_mixing) & Selector(f"scaled_by({factor.name})", partial(_is_scaled_by, factor))


def _is_mixing(_: Network, node: Bound) -> bool:
    return node.op.mixes


def _is_scaled_by(factor: Selector, network: Network, node: Bound) -> bool:
    bilinear = node.family is Family.BILINEAR
    return bilinear and [made_by(network, node, i, factor) for i in node.operands].count(True) == 1


def made_by(network: Network, node: Bound, position: int, source: Selector) -> bool:
    """Whether a node of `source` makes the input at `position`, or what is that rearranged, scaled and shifted."""
    path = network.feeding(node, position, lambda each: each.transparent or each.family is Family.SHAPE)
    return bool(path) and source.matches(network, path[-1])


def _is_weighted(_: Network, node: Bound) -> bool:
    return node.op.mixes and node.weight is not None


def _is_first(network: Network, node: Bound) -> bool:
    return node.weight is not None and node.output in network.first


def _is_last(network: Network, node: Bound) -> bool:
    return node.weight is not None and node.output in network.last


def _changes_units(network: Network, node: Bound) -> bool:
    return node.family is Family.AFFINE and node.transparent and network.early(node)


def _is_rectifier(_: Network, node: Bound) -> bool:
    return node.op.rectifier


def _rounds(_: Network, node: Bound) -> bool:
    return node.op.rounds


def _is_activation(_: Network, node: Bound) -> bool:
    return "value" in node.op.facts and not node.op.rounds


weighted = Selector("weighted", _is_weighted)
"""Nodes that mix features by constant weights: convolutions and matrix products."""

first = Selector("first", _is_first)
"""Weighted nodes that the input reaches with no weighted node before them."""

last = Selector("last", _is_last)
"""Weighted nodes with no weighted node behind them."""

units = Selector("units", _changes_units)
"""Nodes that scale or shift the input before any weighted node: a normalisation that lies in the file."""

rounding = Selector("rounding", _rounds)
"""Nodes that are the identity but for rounding and saturation: what quantises a value."""

rectifier = Selector("rectifier", _is_rectifier)
"""ReLU, its leaky kin and clips."""

activation = Selector("activation", _is_activation)
"""Nonlinear functions of the whole real line; not the square roots and exponentials of which norms are made."""
