"""A joint model that runs at many points of each row, within one Loop of ONNX.

The nodes and the weights of the model are the body of the Loop, so that the file holds them once and a runtime
optimises them as it does outside. The first iteration runs at the rows themselves: there the class of each row is
decided, for which all its points are explained, and there the scores are those that the file gives out. Each further
iteration runs at as many points as bring about `rows` rows together, so that the memory does not grow with the points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnx
from onnx import GraphProto, TensorProto, helper

from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, EXPLAINED, TARGET
from onnxplain.engines.onnxruntime.nodes import DOUBLE, FLOAT, Nodes, integers
from onnxplain.graph.check import subgraphs
from onnxplain.graph.needed import keep_needed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTER, INNER = "explain/rows", "explain/each"
"""The first parts of the names of what is computed once, and of what is computed at each point."""

Shape = tuple[int, ...]
"""The shape of one row of a value."""


class Points(Protocol):
    """The points of a row, and what becomes of what is computed there. They have the numbers 1 to `count`.

    totals: the shape of a row of each sum over the points, which is in float64.
    """

    @property
    def count(self) -> int: ...
    @property
    def totals(self) -> Sequence[Shape]: ...

    def at(self, n: Nodes, index: str, given: Mapping[str, str]) -> dict[str, str]:
        """Return the values [P, N, *row] of inputs of the model at the points of the numbers `index` [P].

        given: the inputs at the rows, and what is kept of the rows, by name. At number 0 the row itself is taken, for
        which any values will do. An input that is not named is repeated for each point.
        """

    def add(self, n: Nodes, index: str, found: str, given: Mapping[str, str]) -> Sequence[str]:
        """Return what the points add to each total [N, *row]; found: the attributions there [P, N, *row]."""

    def result(self, n: Nodes, totals: Sequence[str], given: Mapping[str, str]) -> str:
        """Return the attribution of the rows."""


@dataclass(frozen=True)
class Repeated:
    """What runs again and again.

    model: a joint model with its weights. x: the name of an input that has an entry for each row.
    moved: names of the inputs that differ from point to point, with the shapes of a row. alone: those of them that the
    points alone have, and the file does not. by_row: names of the inputs that have an entry for each row.
    kept: names of the values at the rows themselves that are given out or that the points need, with the shapes of a
    row. found: the shape of a row of what the model attributes, and row: of the attribution in the end.
    rows: how many rows go through an iteration at most. wide: whether the model attributes in float64.
    exact: whether the values at number 0 are the row itself, bit for bit.
    before: what computes inputs of the model from inputs of the file, where they are not the same.
    """

    model: onnx.ModelProto = field(repr=False)
    x: str
    moved: Mapping[str, Shape]
    by_row: frozenset[str]
    kept: Mapping[str, Shape]
    found: Shape
    row: Shape
    rows: int
    wide: bool = False
    exact: bool = False
    alone: frozenset[str] = frozenset()
    before: GraphProto = field(default_factory=GraphProto, repr=False)

    @property
    def kinds(self) -> list[int]:
        """The types of what is kept."""
        return [DOUBLE if self.wide and name == ATTRIBUTION else FLOAT for name in self.kept]


def repeat(spec: Repeated, points: Points, scores: str) -> onnx.ModelProto:
    """Return the model whose outputs are the value `scores`, which is one of those kept, and ATTRIBUTION."""
    graph, n = spec.model.graph, Nodes(OUTER)
    made = onnx.ModelProto(ir_version=spec.model.ir_version, opset_import=spec.model.opset_import, graph=spec.before)
    computed = {
        *(name for node in spec.before.node for name in node.output),
        *(each.name for each in spec.before.input),
    }
    made.graph.input.extend(each for each in graph.input if each.name not in computed | spec.alone)
    rows = n("Slice", n("Shape", spec.x), integers(0), integers(1), integers(0))
    each = n("Max", n("Div", integers(spec.rows), rows), integers(1))
    full = n("Div", n("Add", each, integers(points.count - 1)), each)
    trips = n("Add", n("Reshape", full, np.zeros(0, np.int64)), np.array(1))
    shapes = [*zip(spec.kinds, spec.kept.values(), strict=True), *((DOUBLE, shape) for shape in points.totals)]
    starts = [n("Expand", _zero(kind), n("Concat", rows, integers(*shape), axis=0)) for kind, shape in shapes]
    body = _Iteration(spec, points, rows, each).body()
    outputs = [f"{OUTER}/target", *(f"{OUTER}/{name}" for name in spec.kept)]
    totals = [f"{OUTER}/total.{i}" for i in range(len(points.totals))]
    n.made.append(helper.make_node("Loop", [trips, "", TARGET, *starts], [*outputs, *totals], name=OUTER, body=body))
    given = {each.name: each.name for each in graph.input} | dict(zip(spec.kept, outputs[1:], strict=True))
    n.copy(points.result(n, totals, given), ATTRIBUTION)
    n.copy(given[scores], scores)
    made.graph.name = graph.name
    made.graph.output.extend(each for each in graph.output if each.name in (scores, ATTRIBUTION))
    state_row(made.graph, spec.row)
    n.put(made.graph)
    return made


def state_row(graph: GraphProto, row: Sequence[int]) -> None:
    """State the shape of a row of the attribution that a graph gives out."""
    sizes = next(each for each in graph.output if each.name == ATTRIBUTION).type.tensor_type.shape.dim
    del sizes[1:]
    sizes.extend(onnx.TensorShapeProto.Dimension(dim_value=size) for size in row)


def _zero(kind: int) -> np.ndarray:
    return np.zeros(1, helper.tensor_dtype_to_np_dtype(kind))


def row_of(value: onnx.ValueInfoProto) -> Shape:
    """Return the shape of a row of a value whose rows come first, and that states all its other lengths."""
    return tuple(size.dim_value for size in value.type.tensor_type.shape.dim)[1:]


class _Iteration:
    """The graph of one iteration: its points, the model there, and what becomes of what the model says.

    In: the number of the iteration, whether it goes on, the targets, what is kept, and the totals; out: all but the
    first. rows, each: names of the number of rows, and of the number of points in an iteration, [1] both.
    """

    def __init__(self, spec: Repeated, points: Points, rows: str, each: str) -> None:
        self._spec, self._points, self._rows = spec, points, rows
        self._n = n = Nodes(INNER)
        self._number, self._going, self._target = (f"{INNER}/{name}" for name in ("number", "going", "target"))
        self._before = {name: f"{INNER}/before/{name}" for name in spec.kept}
        self._totals = [f"{INNER}/total.{i}" for i in range(len(points.totals))]
        self._first = n("Equal", self._number, np.array(0))
        start = n("Add", n("Mul", n("Sub", self._number, np.array(1)), each), integers(1))
        ends = n("Where", self._first, integers(0), start), n("Where", self._first, integers(1), n("Add", start, each))
        self._index = n("Slice", np.arange(points.count + 1), *ends, integers(0))
        self._count = n("Shape", self._index)
        self._given = {value.name: value.name for value in spec.model.graph.input} | self._before

    def body(self) -> GraphProto:
        """Return the graph."""
        model = onnx.ModelProto()
        model.CopyFrom(self._spec.model)
        keep_needed(model, [EXPLAINED, *self._spec.kept])
        before = {name for node in self._spec.before.node for name in node.output}
        twice = before.intersection(name for node in model.graph.node for name in node.output)
        inside = {name: f"{INNER}/at/{name}" for name in (*self._spec.kept, ATTRIBUTION, EXPLAINED, *twice)}
        _rename(model.graph, self._inputs() | inside)
        ahead = len(self._n.made)
        after = self._after(inside)
        made, nodes = self._n.made, model.graph.node
        held = {each.name for each in self._spec.before.initializer}
        body = GraphProto(name=INNER, value_info=model.graph.value_info)
        body.initializer.extend(each for each in model.graph.initializer if each.name not in held)
        body.node.extend([*made[:ahead], *nodes, *made[ahead:]])
        body.initializer.extend(self._n.constants.values())
        self._state_ends(body, after)
        return body

    def _inputs(self) -> dict[str, str]:
        """Emit what the model reads at the points; return the name of each of its inputs within the body."""
        n, spec = self._n, self._spec
        names = {TARGET: n("Tile", self._target, self._count)}
        for name, value in self._points.at(n, self._index, self._given).items():
            own = value if spec.exact or name in spec.alone else n("Unsqueeze", self._given[name], integers(0))
            there = value if own is value else n("Where", self._first, own, value)
            names[name] = n("Reshape", there, integers(-1, *spec.moved[name]))
        for each in spec.model.graph.input:
            if each.name not in names:
                rank, given = len(each.type.tensor_type.shape.dim), self._given[each.name]
                times = n("Concat", self._count, integers(*[1] * (rank - 1)), axis=0)
                names[each.name] = n("Tile", given, times) if each.name in spec.by_row else given
        return names

    def _after(self, inside: Mapping[str, str]) -> list[str]:
        """Emit what comes out of the iteration: the targets, what is kept, and the totals."""
        n, spec = self._n, self._spec
        found = n("Reshape", inside[ATTRIBUTION], n("Concat", self._count, integers(-1, *spec.found), axis=0))
        after = [n("Slice", inside[EXPLAINED], integers(0), self._rows, integers(0))]
        for name, before in self._before.items():
            own = n("Slice", inside[name], integers(0), self._rows, integers(0))
            after.append(n("Where", self._first, own, before))
        added = self._points.add(n, self._index, found, self._given)
        for total, more in zip(self._totals, added, strict=True):
            after.append(n("Where", self._first, total, n("Add", total, more)))
        return after

    def _state_ends(self, body: GraphProto, after: Sequence[str]) -> None:
        """State the inputs and the outputs of the body."""
        n = Nodes(f"{INNER}/ends")
        going = n("Identity", self._going)
        body.node.extend(n.made)
        carried = [self._target, *self._before.values(), *self._totals]
        kinds = [TensorProto.INT64, *self._spec.kinds, *[DOUBLE] * len(self._totals)]
        body.input.append(helper.make_tensor_value_info(self._number, TensorProto.INT64, []))
        for place, flag, values in ((body.input, self._going, carried), (body.output, going, after)):
            place.append(helper.make_tensor_value_info(flag, TensorProto.BOOL, []))
            place.extend(map(helper.make_tensor_value_info, values, kinds, [None] * len(kinds)))


def _rename(graph: GraphProto, names: Mapping[str, str]) -> None:
    """Give values of a graph other names, also where the bodies in it read them; its rows get a name of their own."""
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for body in subgraphs(node):
            _rename(body, names)
    for value in (*graph.value_info, *graph.output):
        value.name = names.get(value.name, value.name)
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param += " at once"
