"""RNN, GRU and LSTM become Scans of the equations of one step, which `cells` states.

    Y, Y_h, Y_c = LSTM (X, W, R, B, sequence_lens, initial_h, initial_c, P)

A layer in both directions becomes two Scans, and one in reverse a Scan over the sequence in reverse. A row that is
shorter than the others, by `sequence_lens`, keeps its states behind its end and gives zeros there; in reverse, its own
steps alone change their order. A node stays as it is where its weights are computed, since nothing is known of their
sizes then, and where an activation has no such name in ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.notes import note
from onnxplain.passes.cells import ACTIVATIONS, DEFAULTS, GATES, STATES, Body, Cell, activations
from onnxplain.passes.edit import Editor, is_onnx, rewrite, values_of

if TYPE_CHECKING:
    from onnxplain.arrays import Array

WALKED = "step by step, as a Scan of its equations"
"""How such a node is walked, in words."""

_SIDES = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""By the attribute `direction`, whether each part of the node runs in reverse."""

_END = -(2**31)
"""Where a Slice in reverse ends, in front of the first element."""


def recurrent(graph: gs.Graph) -> int:
    """Replace RNN, GRU and LSTM nodes; return how many were replaced."""
    return rewrite(graph, _replace)


def _replace(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, *GATES) or not all(value.name or i for i, value in enumerate(node.inputs)):
        return False
    cells = _cells(node)
    if cells is None:
        return False
    note(node, WALKED)
    _Layer(edit, node, cells).write()
    return True


def _cells(node: gs.Node) -> list[Cell] | None:
    """Return the equations of each direction; None where they are not known."""
    attrs, sides = node.attrs, len(_SIDES.get(node.attrs.get("direction", "forward"), ()))
    given = [values_of(value) if value.name else None for value in (*node.inputs, *[gs.Variable.empty()] * 8)[:8]]
    computed = [i for i in (1, 2, 3, 7) if i < len(node.inputs) and node.inputs[i].name and given[i] is None]
    names = [str(name).lower() for name in attrs.get("activations", DEFAULTS[node.op] * sides)]
    each = len(DEFAULTS[node.op])
    weights = [values for values in given[1:3] if values is not None]
    if computed or not sides or len(names) != each * sides or not ACTIVATIONS.issuperset(names):
        return None
    made = activations(names, attrs.get("activation_alpha", ()), attrs.get("activation_beta", ()))
    flags = bool(attrs.get("linear_before_reset", 0)), bool(attrs.get("input_forget", 0))

    def cell(d: int) -> Cell:
        b, p = (None if values is None else values[d] for values in (given[3], given[7]))
        own = tuple(made[d * each : (d + 1) * each])
        return Cell(node.op, weights[0][d], weights[1][d], b, p, own, attrs.get("clip") or None, *flags)

    return [cell(d) for d in range(sides)]


@dataclass
class _Layer:
    """A node that is being replaced, and the equations of its directions."""

    edit: Editor
    node: gs.Node
    cells: list[Cell]

    def write(self) -> None:
        """Add the nodes that compute the node's outputs."""
        outputs = [*self.node.outputs, *[gs.Variable.empty()] * 3][:3]
        self.node.outputs.clear()
        x, lens = self._turned(self.node.inputs[0], (1, 0, 2)), self._input(4)
        mask = None if lens is None else self._mask(x, lens)
        starts = [self._starts(x, place) for place in range(STATES[self.node.op])]
        sides = _SIDES[self.node.attrs.get("direction", "forward")]
        done = [self._scan(d, x, lens, mask, [s[d] for s in starts], back=back) for d, back in enumerate(sides)]
        self._join([y for _, y in done], outputs[0], 1, (2, 0, 1, 3))
        for place in range(STATES[self.node.op]):
            self._join([ends[place] for ends, _ in done], outputs[1 + place], 0, (1, 0, 2))

    def _scan(
        self,
        d: int,
        x: gs.Tensor,
        lens: gs.Tensor | None,
        mask: gs.Tensor | None,
        starts: list[gs.Tensor],
        *,
        back: bool,
    ) -> tuple[list[gs.Variable], gs.Variable]:
        """Add the Scan of one direction; return its last states and its outputs, [T, N, H]."""
        x = self._reversed(x, lens) if back else x
        body = Body(self.edit, f"{self.node.name}/{d}")
        states = [body.value(name) for name in ("h", "c")[: len(starts)]]
        xt, given = body.value("x"), [x]
        inputs, new = [*states, xt], self.cells[d].step(body, xt, states)
        y = new[0]
        if mask is not None:
            inside = body.value("inside", np.bool_)
            inputs, given = [*inputs, inside], [x, mask]
            y = body.add("Where", "y", inside, y, body.constant(0, "0"))
            pairs = zip(new, states, strict=True)
            new = [body.add("Where", "kept", inside, *pair) for pair in pairs]
        y = body.add("Identity", "Y", y)
        inner = gs.Graph(body.nodes, inputs, [*new, y], name=f"{self.node.name}/{d}/step", opset=self.edit.graph.opset)
        outputs = [
            gs.Variable(self.edit.fresh(f"{self.node.name}/{d}/{each}"), np.dtype("f")) for each in ("h", "c", "Y")
        ]
        outputs = [*outputs[: len(starts)], outputs[2]]
        name = self.edit.fresh(f"{self.node.name}/{d}")
        attrs = {"body": inner, "num_scan_inputs": len(given)}
        self.edit.new.append(gs.Node("Scan", name, attrs, [*starts, *given], outputs))
        return outputs[:-1], self._reversed(outputs[-1], lens) if back else outputs[-1]

    # --- around the Scan ----------------------------------------------------------------------------------------------

    def _input(self, i: int) -> gs.Tensor | None:
        """Return an input of the node; None where it is left out."""
        return self.node.inputs[i] if i < len(self.node.inputs) and self.node.inputs[i].name else None

    def _add(self, op: str, stem: str, *inputs: gs.Tensor, **attrs: Any) -> gs.Variable:
        return self.edit.add(op, inputs, f"{self.node.name}/{stem}", like=inputs[0], **attrs)

    def _integers(self, *values: int) -> gs.Constant:
        return self.edit.constant(np.array(values, np.int64), f"{self.node.name}/integers")

    def _turned(self, value: gs.Tensor, perm: tuple[int, ...]) -> gs.Tensor:
        """Return a value with its axes in another order, where the layout of the node is 1."""
        return self._add("Transpose", "turned", value, perm=list(perm)) if self.node.attrs.get("layout") else value

    def _length(self, value: gs.Tensor, axis: int | list[int]) -> gs.Variable:
        """Return the length of an axis as a number, or those of a list of axes as a vector."""
        sizes = self._add("Shape", "sizes", value)
        sizes.dtype = np.dtype(np.int64)
        which = self.edit.constant(np.array(axis, np.int64), f"{self.node.name}/axis")
        return self._add("Gather", "length", sizes, which, axis=0)

    def _starts(self, x: gs.Tensor, place: int) -> list[gs.Tensor]:
        """Return the first value of a state in each direction, [N, H]; zeros where the node states none."""
        given = self._input(5 + place)
        if given is None:
            shape = self._add("Concat", "state", self._length(x, [1]), self._integers(self.cells[0].hidden), axis=0)
            zeros = self.edit.add("ConstantOfShape", [shape], f"{self.node.name}/zeros", value=gs.Constant("", _ZERO))
            zeros.dtype = np.dtype(np.float32)
            return [zeros] * len(self.cells)
        given = self._turned(given, (1, 0, 2))
        return [
            self._add("Gather", "start", given, self.edit.constant(np.array(d), f"{self.node.name}/side"), axis=0)
            for d in range(len(self.cells))
        ]

    def _mask(self, x: gs.Tensor, lens: gs.Tensor) -> gs.Variable:
        """Return whether each step lies within its row, [T, N, 1]."""
        return self._within(self._steps(x), self._long(lens))

    def _steps(self, x: gs.Tensor) -> gs.Variable:
        """Return the number of each step, [T, 1, 1]."""
        zero, one = (self.edit.constant(np.array(i, np.int64), f"{self.node.name}/range") for i in (0, 1))
        steps = self._add("Range", "range", zero, self._length(x, 0), one)
        return self._add("Unsqueeze", "steps", steps, self._integers(1, 2))

    def _long(self, lens: gs.Tensor) -> gs.Variable:
        """Return the length of each row, [1, N, 1]."""
        long = self._add("Cast", "lengths", lens, to=7)
        long.dtype = np.dtype(np.int64)
        return self._add("Unsqueeze", "rows", long, self._integers(0, 2))

    def _within(self, steps: gs.Tensor, long: gs.Tensor) -> gs.Variable:
        inside = self._add("Less", "inside", steps, long)
        inside.dtype = np.dtype(np.bool_)
        return inside

    def _reversed(self, value: gs.Tensor, lens: gs.Tensor | None) -> gs.Variable:
        """Return a sequence in reverse, each row within its length."""
        if lens is None:
            bounds = map(self._integers, (-1, _END, 0, -1))
            return self._add("Slice", "reversed", value, *bounds)
        steps, long = self._steps(value), self._long(lens)
        mirrored = self._add("Sub", "mirrored", self._add("Sub", "last", long, self._integers(1)), steps)
        place = self._add("Where", "place", self._within(steps, long), mirrored, steps)
        sizes = self._add("Shape", "sizes", value)
        sizes.dtype = place.dtype = np.dtype(np.int64)
        return self._add("GatherElements", "reversed", value, self._add("Expand", "places", place, sizes), axis=0)

    def _join(self, parts: list[gs.Variable], output: gs.Variable, axis: int, perm: tuple[int, ...]) -> None:
        """Compute an output of the node from its directions, which lie on `axis` there."""
        if not output.name:
            return
        turned = self.node.attrs.get("layout")
        sides = [self._add("Unsqueeze", "side", part, self._integers(axis)) for part in parts]
        stem = f"{self.node.name}/sides"
        if not turned:
            self.edit.add("Concat", sides, stem, output=output, axis=axis)
            return
        joined = self._add("Concat", "joined", *sides, axis=axis)
        self.edit.add("Transpose", [joined], stem, output=output, perm=list(perm))


_ZERO: Array = np.zeros(1, np.float32)
