"""Loops and Scans of the file are brought to the form of Scans that is walked (see `onnxplain.plan.recurrence`).

What is done, where floats that depend on an input pass through the node:

    Loop          a Scan over the numbers of its steps: 0, 1, ... up to its trip count or, where a condition ends it, to
                  where a Loop of nothing but the condition ends
    Scan          its sequences with the steps on the first axis and forward, by nodes around it
    Gather (x, i) in the body of a Loop, i being the number of the step: x becomes a sequence
    captured      a value from outside that a body reads becomes a state that stays the same
    body          the passes that simplify a graph simplify it, under names that nothing outside has

A node stays as it is where numbers that depend on an input decide how many steps it takes, where a body has an If, a
Loop or a Scan of its own, and where sequences of tensors pass through it. A state that grows from step to step has no
place in a Scan, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dependence import active_values, decided_by_sizes
from onnxplain.graph.notes import note
from onnxplain.passes.edit import Editor, is_onnx, redirect
from onnxplain.passes.trips import numbers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

WALKED = "step by step, as a Scan"
"""How such a node is walked, in words."""

_END = -(2**31)


def loops(graph: gs.Graph, simplify: Callable[[gs.Graph], object]) -> int:
    """Bring Loops and Scans to the form that is walked; return how many there were.

    simplify: applies passes to a graph.
    """
    active = active_values(graph, [value.name for value in graph.inputs])
    fixed = decided_by_sizes(graph) | {name for name, v in graph.tensors().items() if isinstance(v, gs.Constant)}
    edit, nodes, changed = Editor(graph), [], 0
    for node in graph.nodes:
        if _is_meant(node, active):
            changed += _Form(edit, node, simplify).write(fixed)
        nodes += [*edit.new, *([node] if node.outputs else [])]
        edit.new = []
    graph.nodes = nodes
    return changed


def _is_meant(node: gs.Node, active: Collection[str]) -> bool:
    """Whether floats that depend on an input pass through a Loop or a Scan that can be brought to the form."""
    if not is_onnx(node, "Loop", "Scan") or not any(value.name in active for value in node.outputs):
        return False
    body: gs.Graph = node.attrs["body"]
    nested = any(True for each in body.nodes for _ in each.subgraphs())
    values = (*node.inputs, *node.outputs, *body.outputs, *(v for each in body.nodes for v in each.outputs))
    return not nested and all(getattr(value, "type", "tensor_type") == "tensor_type" for value in values)


def _may_be_alike(one: Sequence[Any] | None, other: Sequence[Any] | None) -> bool:
    """Whether two shapes may be the same, as far as they are known; a length of 1 is not taken for an open one."""
    if one is None or other is None:
        return True
    known = (pair for pair in zip(one, other, strict=False) if 1 in pair or all(isinstance(n, int) for n in pair))
    return len(one) == len(other) and all(a == b for a, b in known)


class _Form:
    """A node that is brought to the form: the parts of the Scan that takes its place."""

    def __init__(self, edit: Editor, node: gs.Node, simplify: Callable[[gs.Graph], object]) -> None:
        self.edit, self.node, self.simplify = edit, node, simplify
        self.body: gs.Graph = node.attrs["body"]
        self.outputs = list(node.outputs)

    def write(self, fixed: Collection[str]) -> bool:
        """Put the Scan in the place of the node; return whether that is possible."""
        made = self._of_loop(fixed) if self.node.op == "Loop" else self._of_scan()
        if made is None:
            return False
        states, sequences, ends = made
        note(self.node, WALKED)
        self._close(states, sequences)
        self.node.outputs.clear()
        inside = [inner for _, inner in states] + [inner for _, inner in sequences]
        outputs = [*self.outputs[:ends], *(self._new(v) for v in self.body.outputs[ends : len(states)])]
        self.body.inputs = inside
        self._tidy(len(states), [outer for outer, _ in (*states, *sequences)])
        attrs = {"body": self.body, "num_scan_inputs": len(sequences)}
        given = [outer for outer, _ in (*states, *sequences)]
        self.edit.new.append(gs.Node("Scan", self.node.name, attrs, given, [*outputs, *self._collected(ends)]))
        self.edit.new += self.behind
        return True

    # --- the parts ------------------------------------------------------------------------------------------------

    def _of_loop(self, fixed: Collection[str]) -> tuple[list[Any], list[Any], int] | None:
        """Return states and sequences as pairs of the value outside and inside, and how many states the node had."""
        body, first = self.body, self.node.inputs[2:]
        number, asked, *before = body.inputs
        numbers = numbers_of(self.edit, self.node, fixed)
        if numbers is None:
            return None
        redirect(asked, self.edit.constant(np.array(True), f"{self.node.name}/condition"))
        body.outputs = body.outputs[1:]
        self.behind: list[gs.Node] = []
        self.turns: dict[int, tuple[bool, int]] = {}
        sequences = [*self._gathered(number), (numbers, number)]
        return list(zip(first, before, strict=True)), sequences, len(first)

    def _of_scan(self) -> tuple[list[Any], list[Any], int] | None:
        attrs = self.node.attrs
        count = attrs["num_scan_inputs"]
        states = len(self.node.inputs) - count
        results = len(self.node.outputs) - states
        self.behind = []
        self.turns = dict(
            enumerate(
                zip(
                    map(bool, attrs.get("scan_output_directions", [0] * results)),
                    attrs.get("scan_output_axes", [0] * results),
                    strict=True,
                )
            )
        )
        pairs = list(zip(self.node.inputs, self.body.inputs, strict=True))
        back, axes = attrs.get("scan_input_directions", [0] * count), attrs.get("scan_input_axes", [0] * count)
        if any(axis and value.shape is None for (value, _), axis in zip(pairs[states:], axes, strict=True)):
            return None
        turned = [
            (self._reversed(self._moved(value, axis), reverse=bool(b)), inner)
            for (value, inner), b, axis in zip(pairs[states:], back, axes, strict=True)
        ]
        return pairs[:states], turned, states

    def _gathered(self, number: gs.Tensor) -> list[tuple[gs.Tensor, gs.Variable]]:
        """Return a sequence for each value from outside of which the body takes the entry of its own number."""
        own = {id(value) for each in self.body.nodes for value in each.outputs} | {id(v) for v in self.body.inputs}
        found = []
        for each in list(self.body.nodes):
            axis = each.attrs.get("axis", 0) if each.op == "Gather" else 0
            whole = each.inputs[0] if each.op == "Gather" else None
            if whole is None or id(whole) in own or isinstance(whole, gs.Constant) or each.inputs[1] is not number:
                continue
            entry = each.outputs[0]
            if whole.shape is None or any(entry is value for value in self.body.outputs):
                continue
            each.outputs.clear()
            each.inputs.clear()
            self.body.nodes.remove(each)
            found.append((self._moved(whole, axis % len(whole.shape)), entry))
        return found

    def _close(self, states: list[Any], sequences: list[Any]) -> None:
        """Make a state that stays the same of each value from outside, and a constant of its own of each constant."""
        inside = {id(inner) for _, inner in (*states, *sequences)}
        inside |= {id(value) for each in self.body.nodes for value in each.outputs}
        made: dict[int, gs.Tensor] = {}
        place = len(states)
        for each in self.body.nodes:
            for i, value in enumerate(each.inputs):
                if id(value) in inside or not value.name:
                    continue
                if id(value) not in made:
                    made[id(value)] = self._own(value)
                    if isinstance(value, gs.Variable):
                        states.append((value, made[id(value)]))
                if not any(user is each for user in value.outputs):
                    list.append(value.outputs, each)  # what became a constant has forgotten who reads it in a body
                each.inputs[i] = made[id(value)]
        kept = [inner for _, inner in states[place:]]
        known = inside | {id(value) for value in made.values()}
        for i, value in enumerate(self.body.outputs):  # an output may be a value from outside, an input or a constant
            if id(value) not in known and isinstance(value, gs.Variable):
                own = made.get(id(value)) or self._own(value)
                if id(value) not in made:
                    made[id(value)] = own
                    states.append((value, own))
                    kept.append(own)
                self.body.outputs[i] = own
        self.body.outputs[place:place] = kept
        self.body.outputs = [self._copied(value) for value in self.body.outputs]

    def _own(self, value: gs.Tensor) -> gs.Tensor:
        name = self.edit.fresh(f"{self.node.name}/{value.name}")
        if isinstance(value, gs.Constant):
            return gs.Constant(name, value.values)
        return gs.Variable(name, value.dtype, value.shape)

    def _copied(self, value: gs.Tensor) -> gs.Variable:
        """Add an Identity for an output of the body, so that it is no input, no constant, and no other output."""
        result = self._inner("result", value.dtype)
        name = self.edit.fresh(f"{self.node.name}/copy")
        self.body.nodes.append(gs.Node("Identity", name, {}, [value], [result]))
        return result

    def _tidy(self, states: int, given: list[gs.Tensor]) -> None:
        """Simplify the body, and give what is in it names that nothing outside has."""
        for i, (inner, outer) in enumerate(zip(self.body.inputs, given, strict=True)):
            inner.dtype = outer.dtype
            inner.shape = None if outer.shape is None else list(outer.shape)[0 if i < states else 1 :]
        inputs = list(self.body.inputs)
        self.body.opset, self.body.name = self.edit.graph.opset, f"{self.node.name}/step"
        self.simplify(self.body)
        self.body.inputs = inputs
        made = {id(value) for each in self.body.nodes for value in each.outputs}
        self.body.outputs = [v if id(v) in made else self._copied(v) for v in self.body.outputs]
        for before, after in zip(inputs[:states], self.body.outputs, strict=False):
            if not _may_be_alike(before.shape, after.shape):
                raise UnsupportedModelError(
                    f"{self.node.op} (node {self.node.name!r}): a state grows from step to step"
                )
        for value in {id(v): v for v in (*inputs, *self.body.outputs, *self.body.tensors().values())}.values():
            value.name = self.edit.fresh(f"{self.node.name}/{value.name}")
        for each in self.body.nodes:
            each.name = self.edit.fresh(f"{self.node.name}/{each.name or each.op}")

    def _collected(self, ends: int) -> list[gs.Variable]:
        """Return the sequences that the Scan gives; nodes behind it turn them as the node had them."""
        found = []
        for i, output in enumerate(self.outputs[ends:]):
            back, axis = self.turns.get(i, (False, 0))
            if not (back or axis):
                found.append(output)
                continue
            made, before = self._new(output), self.edit.new
            self.edit.new = self.behind
            self._moved(self._reversed(made, reverse=back), axis, back=True, output=output)
            self.behind, self.edit.new = self.edit.new, before
            found.append(made)
        return found

    # --- nodes ----------------------------------------------------------------------------------------------------

    def _integers(self, values: int | list[int]) -> gs.Constant:
        return self.edit.constant(np.array(values, np.int64), f"{self.node.name}/integers")

    def _add(self, op: str, stem: str, dtype: Any, *inputs: gs.Tensor, **attrs: Any) -> gs.Variable:
        made = self.edit.add(op, inputs, f"{self.node.name}/{stem}", **attrs)
        made.dtype = made.dtype or dtype
        return made

    def _inner(self, stem: str, dtype: Any) -> gs.Variable:
        return gs.Variable(self.edit.fresh(f"{self.node.name}/{stem}"), dtype)

    def _new(self, like: gs.Tensor) -> gs.Variable:
        return self._inner(like.name or "unread", like.dtype)

    def _reversed(self, value: gs.Tensor, *, reverse: bool) -> gs.Tensor:
        if not reverse:
            return value
        return self._add("Slice", "reversed", value.dtype, value, *(self._integers([n]) for n in (-1, _END, 0, -1)))

    def _moved(
        self, value: gs.Tensor, axis: int, *, back: bool = False, output: gs.Variable | None = None
    ) -> gs.Tensor:
        """Move an axis to the front, or the first one `back` to its place."""
        rank = len((output if output is not None else value).shape or ())
        if not axis and output is None:
            return value
        axis %= max(rank, 1)
        order = [n for n in range(rank) if n != axis]
        perm = [axis, *order]
        perm = list(np.argsort(perm)) if back else perm
        return self._add("Transpose", "turned", value.dtype, value, perm=[int(n) for n in perm], output=output)
