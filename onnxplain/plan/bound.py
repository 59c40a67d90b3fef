"""Binding: each node between the explained value and the target gets its op, its family and its operands.

What cannot be walked is found here, before anything runs, and all such nodes are listed at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.graph.dependence import active_values, decided_by_sizes, dependent, may_be_float, read_by
from onnxplain.graph.touching import orders
from onnxplain.ops import STANDARD, Family, Op, find_op
from onnxplain.ops.left_out import LEFT_OUT
from onnxplain.ops.quantise import FILE
from onnxplain.ops.steps import find_step
from onnxplain.ops.words import unknown_words
from onnxplain.passes.contrib import why_left
from onnxplain.plan.attributes import attributes, beside, input_names, plain
from onnxplain.plan.recurrence import Recurrence, is_walkable, of_scan, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from onnxplain.arrays import Array

FORWARD = 'or perturb the input, which needs only the forward run: try method="occlusion"'
"""What helps where nothing can be walked."""


@dataclass(frozen=True)
class Bound:
    """A node of a graph, bound to its op.

    family: of the function that this node computes of its operands; a product with a constant is AFFINE.
    inputs: names of the values, "" for an optional input that is left out. operands: positions of the inputs that
    depend on the explained value, to which messages go. output: name of the value that the node makes.
    attrs: attributes with their defaults, and constant inputs, under their ONNX names. arrays: names of the inputs that
    are computed but carry no message, and of further outputs that the facts read, by their ONNX names. sized: those
    inputs among them that are constant for inputs of one size, where the op needs constants; see `at_sizes`. whole:
    names of operands, weights and outputs that hold booleans or integers, with which rules compute as with floats.
    loop: the recurrence that the node lies within, if any.
    """

    name: str
    op: Op
    family: Family
    inputs: tuple[str, ...]
    operands: tuple[int, ...]
    output: str
    attrs: Mapping[str, Any] = field(repr=False)
    arrays: Mapping[str, str] = field(repr=False)
    sized: Mapping[str, str] = field(default_factory=dict, repr=False)
    whole: frozenset[str] = field(default=frozenset(), repr=False)
    loop: Recurrence | None = field(default=None, repr=False)

    @property
    def weight(self) -> int | None:
        """Position of the weight: that of the op, or the constant side of a product; None for a node without one."""
        if self.family is not Family.AFFINE or self.op.family is Family.SUM:
            return None
        return 1 - self.operands[0] if self.op.family is Family.BILINEAR else self.op.weight

    @property
    def bias(self) -> int | None:
        """Position of the bias; None for a node without one."""
        if self.family is not Family.AFFINE:
            return None
        position = 1 - self.operands[0] if self.op.family is Family.SUM else self.op.bias
        return position if position is not None and self.inputs[position : position + 1] > ("",) else None

    @property
    def sizes(self) -> dict[str, str]:
        """The inputs `sized` by the names of the values outside of all bodies that hold them."""
        return {name: each if self.loop is None else self.loop.taps[each] for name, each in self.sized.items()}

    @property
    def recorded(self) -> str:
        """Name of the value outside of all bodies that holds the output, of each step within a recurrence."""
        return self.output if self.loop is None else self.loop.taps[self.output]

    @property
    def transparent(self) -> bool:
        """Whether the node only scales or shifts each element by a constant, or puts it in another place."""
        diagonal = not self.op.mixes and (self.weight is not None or self.bias is not None)
        return diagonal if self.family is Family.AFFINE else self.family is Family.SHAPE and "apply" in self.op.facts

    def at_sizes(self, values: Mapping[str, Array]) -> Bound:
        """Return the node with the inputs `sized` as attributes. values: what they are for inputs of one size."""
        found = {name: values[each] for name, each in self.sizes.items()}
        attrs = {name: plain(value if self.loop is None else value[0]) for name, value in found.items()}
        arrays = {name: each for name, each in self.arrays.items() if name not in attrs}
        return replace(self, attrs={**self.attrs, **attrs}, arrays=arrays)

    def lacks(self, need: str) -> bool:
        """Whether the node lacks what a rule needs: a "weight", being "elementwise", or a fact of its op by name.

        "elementwise": each element of the output is made of the operand's element at the same place.
        """
        if need == "weight":
            return self.weight is None
        if need == "elementwise":
            return self.family is not Family.ELEMENTWISE and not (self.family is Family.AFFINE and self.transparent)
        return need not in self.op.facts


def _found(node: gs.Node) -> Op | None:
    return find_op(node.domain, node.op)


@dataclass(frozen=True)
class _Paths:
    """What lies between the explained value and the target.

    active: names of the values that carry messages where they reach the target. wanted: names of those that do, and of
    the target. fixed: names of the computed values that only sizes decide. orders: of the values that touch zero from
    above (see `onnxplain.graph.touching`). find: returns the facts about a node. spread: returns the values of a graph
    that carry messages where some of them do.
    """

    opset: int
    active: set[str]
    wanted: set[str]
    fixed: set[str] = field(default_factory=set)
    orders: Mapping[str, float] = field(default_factory=dict)
    find: Callable[[gs.Node], Op | None] = _found
    spread: Callable[[gs.Graph, set[str]], set[str]] = active_values


def bind(graph: gs.Graph, root: str, target: str, replaced: str | None = None) -> list[Bound]:
    """Bind the nodes on the paths from the value `root` to the value `target`, in order of execution.

    replaced: name of the input that a baseline replaces, for a method that compares with one. It has to say where each
    difference comes from. So what jumps counts too, such as a comparison, whose derivative is 0 almost everywhere; and
    an operand that differs from the baseline otherwise than through `root` takes its own part of a difference.
    Raises UnsupportedModelError, which lists all nodes that cannot be walked, and UsageError where no path leads there.
    """
    spread = dependent if replaced else active_values
    active = spread(graph, {root})
    wanted, path = _path(graph, active, {target})
    if not path and root != target:
        raise UsageError(f"the value {target!r} does not depend on {root!r} through floats: nothing to attribute")
    problems: list[str] = []
    active |= dependent(graph, {replaced}) if replaced else set()
    find = partial(find_step, moving=active) if replaced else _found
    fixed = decided_by_sizes(graph)
    paths = _Paths(graph.opset, active, wanted, fixed, orders(graph, fixed), find, spread)
    bound = [each for node in path for each in _bind_all(node, paths, problems)]
    if problems:
        raise UnsupportedModelError(
            "the model has nodes that cannot be walked backward:",
            *problems,
            f"export it in float with standard ONNX operators, name with layer= a value behind these nodes, {FORWARD}",
        )
    return bound


def _path(graph: gs.Graph, active: set[str], wanted: set[str]) -> tuple[set[str], list[gs.Node]]:
    """Return the values of `active` on paths to those of `wanted`, and the nodes there, in order."""
    wanted, path = set(wanted), []
    for node in reversed(graph.nodes):
        made, used = {value.name for value in node.outputs}, read_by(node) & active
        if made & wanted & active and used:
            wanted |= used
            path.append(node)
    return wanted, path[::-1]


def _bind_all(node: gs.Node, paths: _Paths, problems: list[str]) -> list[Bound]:
    """Bind a node or, where it is a recurrence, the nodes of its body."""
    if not is_walkable(node):
        bound = _bind(node, paths, problems)
        return [bound] if bound else []
    body, loop = node.attrs["body"], of_scan(node)
    active = within(body, loop, paths.spread, paths.active)
    wanted = {each for each, whole in loop.results if whole in paths.wanted}
    wanted |= {state.after for state in loop.states if state.last in paths.wanted}
    while True:
        read, path = _path(body, active, wanted)
        more = {state.after for state in loop.states if state.before in read} - wanted
        if not more:
            break
        wanted |= more
    loop = loop.carrying(active, read)
    find = partial(find_step, moving=active) if isinstance(paths.find, partial) else paths.find
    fixed = decided_by_sizes(body)
    inner = replace(paths, active=active, wanted=read, fixed=fixed, orders=orders(body, fixed), find=find)
    return [replace(each, loop=loop) for inside in path for each in _bind_all(inside, inner, problems)]


def _bind(node: gs.Node, paths: _Paths, problems: list[str]) -> Bound | None:
    op = paths.find(node)
    if op is None:
        problems.append(_unknown(node, paths.fixed))
        return None
    names = input_names(node, op, paths.opset)
    attrs = attributes(node, op, names, paths.opset)
    if op.family is Family.ELEMENTWISE and (order := paths.orders.get(node.inputs[0].name)):
        attrs.setdefault("order", order)
    problems += [f"{node.op} (node {node.name!r}): {why}" for why in _obstacles(node, op, names, attrs, paths)]
    allowed = range(len(node.inputs)) if op.operands is None else op.operands
    operands = tuple(i for i, value in enumerate(node.inputs) if value.name in paths.active and i in allowed)
    family = op.family
    if family in (Family.BILINEAR, Family.SUM) and len(operands) == 1:
        family = Family.AFFINE
    computed = {i for i, value in enumerate(node.inputs) if isinstance(value, gs.Variable) and value.name}
    unread = set(op.held).difference(op.runtime)
    return Bound(
        name=node.name,
        op=op,
        family=family,
        inputs=tuple("" if i in op.held else value.name for i, value in enumerate(node.inputs)),
        operands=operands,
        output=node.outputs[0].name,
        attrs=attrs,
        arrays={names[i]: node.inputs[i].name for i in computed.difference(operands, unread)}
        | beside(node, op, paths.opset),
        sized={names[i]: node.inputs[i].name for i in computed.difference(_computable(node, op))},
        whole=_whole(node, op, operands),
    )


def _computable(node: gs.Node, op: Op) -> set[int | None]:
    """Return the positions of the inputs for which the facts do not need a constant."""
    operands = range(len(node.inputs)) if op.operands is None else op.operands
    return {op.weight, op.bias, *op.runtime, *op.held, *operands}


def _whole(node: gs.Node, op: Op, operands: tuple[int, ...]) -> frozenset[str]:
    """Return which of the values that rules compute with hold booleans or integers."""
    read = {*operands, *(op.operands or ()), op.weight, op.bias}
    values = [value for i, value in enumerate(node.inputs) if i in read]
    return frozenset(value.name for value in (*values, node.outputs[0]) if value.name and not may_be_float(value))


def _obstacles(node: gs.Node, op: Op, names: list[str], attrs: dict[str, Any], paths: _Paths) -> Iterator[str]:
    """Yield what keeps the facts of an op from covering a node."""
    allowed = range(len(node.inputs)) if op.operands is None else op.operands
    constant = set(range(len(node.inputs))).difference(_computable(node, op))
    for i, value in enumerate(node.inputs):
        if i in op.held:
            continue
        if value.name in paths.active and i not in allowed:
            yield f"its input {names[i]!r} is computed from the explained input; only a constant is supported there"
        elif i in constant and isinstance(value, gs.Variable) and value.name and value.name not in paths.fixed:
            yield f"its input {names[i]!r} is computed from an input; only a constant or sizes are supported there"
    if any(len(node.outputs) <= i or not node.outputs[i].name for i in op.beside):
        yield "an output is left out that a walk has to read"
    for value in node.outputs[1:]:
        if value.name in paths.wanted:
            yield f"relevance through its output {value.name!r}"
    yield from unknown_words(op.name, attrs) if op.standard else ()
    missing = op.limits(attrs)
    if missing:
        yield f"{missing} is not supported"


def _unknown(node: gs.Node, fixed: set[str]) -> str:
    """Say that there are no facts about a node's operator and, where it is known, why. fixed: see `_Paths`."""
    name = node.name.removesuffix(FILE)
    if node.domain in (None, STANDARD, "ai.onnx"):
        reason = f" ({LEFT_OUT[node.op]})" if node.op in LEFT_OUT else ""
        if node.op == "If" and node.inputs[0].name in fixed:
            reason = " (sizes that the file leaves open choose its branch: state the shape of the input in the file)"
        return f"{node.op} (node {name!r}): no rule for this operator{reason}"
    if why := why_left(node):
        return f"{node.domain}::{node.op} (node {name!r}): it has no form by standard operators, because {why}"
    if node.domain == "ai.onnx.ml" and node.op.startswith("TreeEnsemble"):
        return f'{node.op} (node {name!r}): trees have no slope; method="tree_shap" explains them exactly'
    hint = "" if node.domain.startswith("ai.onnx") else "; onnxplain.register_op can state its facts"
    return f"{node.domain}::{node.op} (node {name!r}): no rule for this operator{hint}"
