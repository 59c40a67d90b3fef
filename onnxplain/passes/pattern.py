"""Match a value against a formula, in any order of factors and terms, and put one node in its place.

    x = Value("x")
    0.5 * x * (1 + call("Erf", x * 0.7071068))      # matches every way to write this GELU

A product is matched against the whole chain of Mul, Neg, squares and cubes that a value is made of, a sum
against its chain of Add; the scalar constants of a chain are one number. A chain ends at a value that has
several users.
Numbers agree to 1e-5. The forms are those after the arithmetic pass: no Sub, and no Div by anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor, is_onnx, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Found: TypeAlias = "dict[str, Any]"
Bag: TypeAlias = "tuple[float, list[gs.Tensor]]"


class Pattern:
    """A formula; `+`, `-`, `*` and numbers build larger ones, `|` alternatives."""

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
    """Any computed value; the same one wherever its name recurs."""

    name: str


@dataclass(frozen=True)
class Weight(Pattern):
    """Any constant array; one with the same elements wherever its name recurs."""

    name: str


@dataclass(frozen=True)
class Number(Pattern):
    """The number of a chain, whatever it is: of a product 1, of a sum 0, where there is none."""

    name: str


@dataclass(frozen=True)
class Call(Pattern):
    """A node `op(*inputs)` with these attributes; a number among the inputs is a scalar constant."""

    op: str
    inputs: tuple[Pattern | float, ...]
    attrs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Product(Pattern):
    """number · Π parts."""

    number: float | Number
    parts: tuple[Pattern, ...]
    neutral = 1.0


@dataclass(frozen=True)
class Sum(Pattern):
    """number + Σ parts."""

    number: float | Number
    parts: tuple[Pattern, ...]
    neutral = 0.0


@dataclass(frozen=True)
class Either(Pattern):
    """The first that matches."""

    choices: tuple[Pattern, ...]


def call(op: str, *inputs: Pattern | float, **attrs: Any) -> Call:
    """Pattern of a node."""
    return Call(op, inputs, tuple(attrs.items()))


def _join(kind: type[Product | Sum], left: Pattern | float, right: Pattern | float) -> Pattern:
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
    # a formula has one number per chain, and what matches anything is tried last
    (number,) = [each for each in numbers if each != kind.neutral] or [kind.neutral]
    return kind(number, tuple(sorted(parts, key=lambda part: isinstance(part, (Value, Weight)))))


def match(pattern: Pattern | float, value: gs.Tensor, found: Found | None = None) -> Iterator[Found]:
    """Each way in which `value` is the formula: what the names stand for, beyond what `found` has settled."""
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
    node = _producer(value)
    if node is None or not is_onnx(node, pattern.op) or len(node.inputs) != len(pattern.inputs):
        return
    if all(_agree(wanted, attribute(node, name)) for name, wanted in pattern.attrs):
        yield from _match_each(pattern.inputs, node.inputs, found)


def _match_each(patterns: Sequence[Pattern | float], values: Sequence[gs.Tensor], found: Found) -> Iterator[Found]:
    if not patterns:
        yield found
        return
    for step in match(patterns[0], values[0], found):
        yield from _match_each(patterns[1:], values[1:], step)


def _match_chain(pattern: Product | Sum, value: gs.Tensor, found: Found) -> Iterator[Found]:
    gather = _factors if isinstance(pattern, Product) else _terms
    bags = [gather(value, root=True)]
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
    if not parts:
        yield found
    for i, value in enumerate(values if parts else ()):
        for step in match(parts[0], value, found):
            yield from _match_any_order(parts[1:], [*values[:i], *values[i + 1 :]], step)


def _factors(value: gs.Tensor, *, root: bool = False) -> Bag:
    node = _producer(value)
    if node is None or (not root and len(value.outputs) != 1):
        return 1.0, [value]
    if is_onnx(node, "Neg"):
        number, values = _factors(node.inputs[0])
        return -number, values
    if is_onnx(node, "Pow") and _scalar(node.inputs[1]) in (2, 3):
        times = int(_scalar(node.inputs[1]) or 0)
        number, values = _factors(node.inputs[0])
        return number**times, values * times
    if is_onnx(node, "Mul"):
        bags = [_factors(each) if (c := _scalar(each, node)) is None else (c, []) for each in node.inputs]
        return bags[0][0] * bags[1][0], bags[0][1] + bags[1][1]
    return 1.0, [value]


def _terms(value: gs.Tensor, *, root: bool = False) -> Bag:
    node = _producer(value)
    if node is None or not is_onnx(node, "Add") or (not root and len(value.outputs) != 1):
        return 0.0, [value]
    bags = [_terms(each) if (c := _scalar(each, node)) is None else (c, []) for each in node.inputs]
    return bags[0][0] + bags[1][0], bags[0][1] + bags[1][1]


def _bind(found: Found, name: str, value: Any) -> Iterator[Found]:
    if name not in found:
        yield {**found, name: value}
    elif isinstance(value, gs.Constant):
        if np.array_equal(found[name].values, value.values):
            yield found
    elif found[name] is value or _agree(found[name], value):
        yield found


def _agree(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, (int, float)) and isinstance(given, (int, float)):
        return math.isclose(wanted, given, rel_tol=1e-5)
    return bool(wanted == given) if isinstance(wanted, str) else False


def _producer(value: gs.Tensor) -> gs.Node | None:
    return value.inputs[0] if isinstance(value, gs.Variable) and value.inputs else None


def _scalar(value: gs.Tensor, user: gs.Node | None = None) -> float | None:
    """The number in a constant of one element that cannot raise the rank of what its user computes."""
    values = values_of(value)
    if values is None or values.size != 1:
        return None
    ranks = [len(each.shape) for each in (user.inputs if user else ()) if each is not value and each.shape is not None]
    return float(values.item()) if values.ndim <= max([1, *ranks]) else None


def attribute(node: gs.Node, name: str) -> Any:
    """An attribute, or its default."""
    if name in node.attrs:
        return node.attrs[name]
    default = onnx.defs.get_schema(node.op).attributes[name].default_value
    return onnx.helper.get_attribute_value(default) if default.type else None


def fuse(graph: gs.Graph, rule: Callable[[Editor, gs.Node], bool]) -> int:
    """Offer each node to `rule`, last first, so that the largest formula wins; drop what is not read then."""
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
