"""Match a value against a formula, whatever the order of its factors and terms, and put one node in its place.

    x = Value("x")
    0.5 * x * (1 + call("Erf", x * 0.7071068))      # matches every way to write this GELU

A product is matched against a chain: all nodes Mul, Neg, and Pow with exponent 2 or 3 that together multiply the
factors of a value. A sum is matched against a chain of Add in the same way. The scalar constants of a chain count as
one number, their product or sum. A value that several nodes read is not taken apart: a chain ends there.

Two numbers agree if they differ by at most a relative 1e-5. Formulas describe graphs after the pass `arithmetic`, which
leaves neither Sub nor Div.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, is_onnx, producer, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Found: TypeAlias = "dict[str, Any]"
"""What the names in a formula stand for: tensors for a Value or a Weight, a float for a Number."""

Bag: TypeAlias = "tuple[float, list[gs.Tensor]]"
"""A chain taken apart: its number, and its other factors or terms in any order."""

_DEEPEST = 8
"""How far a chain is taken apart. No formula is as deep, while a chain may be as long as the model."""


class Pattern:
    """A formula. With `+`, `-`, `*` and numbers it becomes part of a larger one, and `a | b` matches either of two."""

    def __add__(self, other: Pattern | float) -> Pattern:
        return _join(Sum, self, other)

    def __mul__(self, other: Pattern | float) -> Pattern:
        return _join(Product, self, other)

    def __sub__(self, other: Pattern) -> Pattern:
        return self + -1 * other

    def __or__(self, other: Pattern) -> Pattern:
        return Either((self, other))

    __radd__, __rmul__ = __add__, __mul__


@dataclass(frozen=True)
class Value(Pattern):
    """Any computed value. Where its name occurs again in a formula, it must be the same value."""

    name: str


@dataclass(frozen=True)
class Weight(Pattern):
    """Any constant array. Where its name occurs again in a formula, the elements must be equal."""

    name: str


@dataclass(frozen=True)
class Number(Pattern):
    """The number of a chain, whatever it is. In a chain without one it is 1 for a product and 0 for a sum."""

    name: str


@dataclass(frozen=True)
class Call(Pattern):
    """The output of a node `op(*inputs)` with these attributes. A number among the inputs matches a scalar constant."""

    op: str
    inputs: tuple[Pattern | float, ...]
    attrs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Product(Pattern):
    """number · Π parts. `neutral` is the number of a product without one."""

    number: float | Number
    parts: tuple[Pattern, ...]
    neutral = 1.0


@dataclass(frozen=True)
class Sum(Pattern):
    """number + Σ parts. `neutral` is the number of a sum without one."""

    number: float | Number
    parts: tuple[Pattern, ...]
    neutral = 0.0


@dataclass(frozen=True)
class Either(Pattern):
    """Any of several formulas, which are tried in order."""

    choices: tuple[Pattern, ...]


def call(op: str, *inputs: Pattern | float, **attrs: Any) -> Call:
    """Return the pattern of the output of a node."""
    return Call(op, inputs, tuple(attrs.items()))


def _join(kind: type[Product | Sum], left: Pattern | float, right: Pattern | float) -> Pattern:
    """Return the sum or product of two formulas; parts of operands of the same kind become parts of the result."""
    numbers: list[Any] = []
    parts: list[Pattern] = []
    for side in (left, right):
        if isinstance(side, kind):
            numbers.append(side.number)
            parts += side.parts
        elif isinstance(side, Pattern) and not isinstance(side, Number):
            parts.append(side)
        else:
            numbers.append(side)
    # a chain in a formula has at most one number; parts that match any value are tried last
    (number,) = [each for each in numbers if each != kind.neutral] or [kind.neutral]
    return kind(number, tuple(sorted(parts, key=lambda part: isinstance(part, (Value, Weight)))))


def match(pattern: Pattern | float, value: gs.Tensor, found: Found | None = None) -> Iterator[Found]:
    """Yield what the names of a formula stand for, once for each way in which `value` matches the formula.

    found: what some names stand for already, from other parts of the formula.
    """
    found = found or {}
    if isinstance(pattern, (int, float)):
        if _agree(pattern, _scalar(value)):
            yield found
    elif isinstance(pattern, (Value, Weight)):
        if isinstance(value, gs.Constant) is isinstance(pattern, Weight):
            yield from _bind(found, pattern.name, value)
    elif isinstance(pattern, Either):
        for choice in pattern.choices:
            yield from match(choice, value, found)
    elif isinstance(pattern, Call):
        yield from _match_call(pattern, value, found)
    elif isinstance(pattern, (Product, Sum)):
        yield from _match_chain(pattern, value, found)


def _match_call(pattern: Call, value: gs.Tensor, found: Found) -> Iterator[Found]:
    node = producer(value)
    if node is None or not is_onnx(node, pattern.op) or len(node.inputs) != len(pattern.inputs):
        return
    if all(_agree(wanted, attribute(node, name)) for name, wanted in pattern.attrs):
        yield from _match_each(pattern.inputs, node.inputs, found)


def _match_each(patterns: Sequence[Pattern | float], values: Sequence[gs.Tensor], found: Found) -> Iterator[Found]:
    """Match the values against the patterns in order, one to one."""
    if not patterns:
        yield found
        return
    for step in match(patterns[0], values[0], found):
        yield from _match_each(patterns[1:], values[1:], step)


def _match_chain(pattern: Product | Sum, value: gs.Tensor, found: Found) -> Iterator[Found]:
    """Match a value, taken apart as a chain, against a product or sum; with one part, also match it as a whole."""
    gather = _factors if isinstance(pattern, Product) else _terms
    bags = [gather(value)]
    if len(pattern.parts) == 1:
        bags.append((pattern.neutral, [value]))
    for number, values in bags:
        if len(values) != len(pattern.parts):
            continue
        if isinstance(pattern.number, Number):
            for step in _bind(found, pattern.number.name, number):
                yield from _match_any_order(pattern.parts, values, step)
        elif _agree(pattern.number, number):
            yield from _match_any_order(pattern.parts, values, found)


def _match_any_order(parts: Sequence[Pattern], values: Sequence[gs.Tensor], found: Found) -> Iterator[Found]:
    """Match the values against the parts in every order."""
    if not parts:
        yield found
    for i, value in enumerate(values if parts else ()):
        for step in match(parts[0], value, found):
            yield from _match_any_order(parts[1:], [*values[:i], *values[i + 1 :]], step)


def _factors(value: gs.Tensor, *, depth: int = 0) -> Bag:
    """Take a value apart into factors. The root, at depth 0, is taken apart even if several nodes read it."""
    node = producer(value)
    if node is None or (depth and len(value.outputs) != 1) or depth > _DEEPEST:
        return 1.0, [value]
    if is_onnx(node, "Neg"):
        number, values = _factors(node.inputs[0], depth=depth + 1)
        return -number, values
    if is_onnx(node, "Pow") and _scalar(node.inputs[1]) in (2, 3):
        times = int(_scalar(node.inputs[1]) or 0)
        number, values = _factors(node.inputs[0], depth=depth + 1)
        return number**times, values * times
    if is_onnx(node, "Mul"):
        a, b = (_part(_factors, each, node, depth) for each in node.inputs)
        return a[0] * b[0], a[1] + b[1]
    return 1.0, [value]


def _terms(value: gs.Tensor, *, depth: int = 0) -> Bag:
    """Take a value apart into terms. The root, at depth 0, is taken apart even if several nodes read it."""
    node = producer(value)
    if node is None or not is_onnx(node, "Add") or (depth and len(value.outputs) != 1) or depth > _DEEPEST:
        return 0.0, [value]
    a, b = (_part(_terms, each, node, depth) for each in node.inputs)
    return a[0] + b[0], a[1] + b[1]


def _part(gather: Callable[..., Bag], value: gs.Tensor, node: gs.Node, depth: int) -> Bag:
    """Take an input of a node apart; a scalar constant is the number of its bag."""
    number = _scalar(value, node)
    return gather(value, depth=depth + 1) if number is None else (number, [])


def _bind(found: Found, name: str, value: Any) -> Iterator[Found]:
    """Let a name stand for a value; yield nothing where it stands for another one already."""
    if name not in found:
        yield {**found, name: value}
    elif isinstance(value, gs.Constant):
        if np.array_equal(found[name].values, value.values):
            yield found
    elif found[name] is value or _agree(found[name], value):
        yield found


def _agree(wanted: Any, given: Any) -> bool:
    """Whether two numbers or two texts agree."""
    if isinstance(wanted, (int, float)) and isinstance(given, (int, float)):
        return math.isclose(wanted, given, rel_tol=1e-5)
    return bool(wanted == given) if isinstance(wanted, str) else False


def _scalar(value: gs.Tensor, user: gs.Node | None = None) -> float | None:
    """Return the number in a constant of one element; None for any other value.

    user: the node that reads it. The constant must not have more axes than the user's other inputs, because it would
    then change the rank of the user's output.
    """
    values = values_of(value)
    if values is None or values.size != 1:
        return None
    ranks = [len(each.shape) for each in (user.inputs if user else ()) if each is not value and each.shape is not None]
    return float(values.item()) if values.ndim <= max([1, *ranks]) else None


def attribute(node: gs.Node, name: str) -> Any:
    """Return an attribute of a node, or the default of its operator."""
    if name in node.attrs:
        return node.attrs[name]
    default = onnx.defs.get_schema(node.op).attributes[name].default_value
    return onnx.helper.get_attribute_value(default) if default.type else None


def fuse(graph: gs.Graph, rule: Callable[[Editor, gs.Node], bool]) -> int:
    """Offer each node to `rule(edit, node)`, the last one first; return how often the rule changed one.

    The last node of a formula comes before the last nodes of smaller formulas inside it, so the largest formula is
    replaced. Nodes whose outputs are not read any more are dropped.
    """
    edit, changed = Editor(graph), 0
    kept: list[gs.Node] = []
    results = {id(value) for each in (graph, *graph.subgraphs(recursive=True)) for value in each.outputs}
    for node in reversed(list(graph.nodes)):
        if not any(value.outputs or id(value) in results for value in node.outputs):
            node.inputs.clear()
            continue
        changed += rule(edit, node)
        kept += reversed(edit.new)
        edit.new = []
        if node.outputs:
            kept.append(node)
        else:
            node.inputs.clear()
    graph.nodes = kept[::-1]
    return changed
