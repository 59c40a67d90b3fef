"""Give a graph inputs and scores whose first axis is that of the rows, whatever axis the file has them on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor
from onnxplain.passes.shapes import shapes
from onnxplain.rows.follow import Kind
from onnxplain.rows.found import ADDED, Rows
from onnxplain.rows.place import Place
from onnxplain.rows.way import lengths, lengths_differ, of_several

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import onnx

    from onnxplain.passes.canonical import Canonical
    from onnxplain.rows.follow import Followed
    from onnxplain.rows.place import Length
    from onnxplain.rows.way import Way

_SCALED = ("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM")
"""Operators that choose a scale by the values of all rows together."""


def rows_first(canonical: Canonical, name: str, together: Collection[str] = ()) -> Canonical:
    """Return the canonical model with the rows of the explained input `name`, and of the scores, on the first axis.

    Where the file has no batch axis, one of length 1 is added. The graph is changed in place.
    together: the inputs that are explained together, each of which has an entry for each row. What is found does not
    depend on which of them is `name`.
    """
    graph, scores = canonical.graph, canonical.graph.outputs[0]
    x = next(value for value in graph.inputs if value.name == name)
    several = [x, *(value for value in graph.inputs if value is not x and value.name in together)]
    for value in graph.inputs:
        if value.shape is not None:  # some exporters write -1 for an open length
            value.shape = [None if isinstance(n, int) and n < 1 else n for n in value.shape]
    if x.shape is None:
        return canonical
    x, way, failed = of_several(graph, canonical.scores, several)
    differ = lengths_differ([*several, scores], way)
    if way is not None and not differ and not _may_be_channels(lengths(x), scores.shape):
        return _with_rows(canonical, x, way)
    added = dict.fromkeys([value.name for value in several if not _is_one_row(value)], ADDED)
    if _is_one_row(x) or differ:
        return _of_one(canonical, x, added, together)
    state = failed[canonical.scores] if failed else Kind.MET
    if way is not None or isinstance(state, Place):
        return replace(canonical, rows=Rows(problem=_ambiguous(name)))
    if failed and state in (Kind.MET, Kind.OPEN) and _looks_batched(lengths(x), scores.shape):
        problem = _met(name, failed.reasons[canonical.scores]) if state is Kind.MET else ""
        return _one_by_one(replace(canonical, rows=Rows(axes=_axes(failed), problem=problem)), x)
    return _of_one(canonical, x, added, together)


def _is_one_row(value: gs.Tensor) -> bool:
    """Whether the file states a first axis of length 1, and others behind it."""
    return len(lengths(value)) > 1 and lengths(value)[0] == 1


def _met(name: str, reason: str) -> str:
    return (
        f"entries of {name!r} along its first axis influence one another at {reason}, so that it holds no rows that "
        "can be explained one by one: export the model with a batch axis in front, or with a single row"
    )


def _ambiguous(name: str) -> str:
    return (
        f"the file does not tell whether the first axis of {name!r} holds rows or belongs to one row, such as channels "
        "or time: export the model with a batch axis of open length in front of input and scores"
    )


def _may_be_channels(shape: Sequence[Length], scores: Sequence[Length] | None) -> bool:
    """Whether three axes of which the first has a stated length, and one score for each entry, leave it open."""
    return len(shape) == 3 and isinstance(shape[0], int) and shape[0] > 1 and scores is not None and len(scores) == 1


def _looks_batched(shape: Sequence[Length], scores: Sequence[Length] | None) -> bool:
    """Whether the file states the first axis of the input and that of the scores alike, or leaves them open."""
    if not shape or scores == []:
        return False
    first = None if scores is None else scores[0]
    return not isinstance(first, int) if not isinstance(shape[0], int) else first in (shape[0], None)


def _axes(found: Followed) -> dict[str, int]:
    """Return the axis of the rows by name of the value, for the values in which an axis holds the rows alone."""
    return {name: state.axis for name, state in found.states.items() if isinstance(state, Place) and state.alone}


# --- changing the graph -------------------------------------------------------------------------------------------


def _with_rows(canonical: Canonical, x: gs.Variable, way: Way) -> Canonical:
    """Move the axes that hold the rows to the front, and state them alike in all inputs that have them."""
    graph = canonical.graph
    moved = {name: axis for name, axis in way.starts.items() if axis}
    before = lengths(x)[way.starts[x.name]]
    rows = min(way.found.stated) if way.found.stated else before
    changed = bool(moved or way.scores.axis)
    axes = _axes(way.found) | dict.fromkeys(way.starts, 0)
    for value in list(graph.inputs):
        axis = way.starts.get(value.name)
        if axis is not None and (axis or value is x or lengths(value)[0] == before):
            new = [_named(rows), *(n for i, n in enumerate(lengths(value)) if i != axis)]
            _replace_input(graph, value, new, axis)
    if not isinstance(rows, int):
        _open(graph, way.found, _named(rows))
    result = canonical
    if way.scores.axis:
        result, moved = _moved_scores(canonical, way.scores.axis, moved)
    if changed:
        shapes(graph)
    axes[result.scores] = 0
    return replace(result, rows=Rows(proven=True, moved=moved, axes=axes, by_row=frozenset(way.starts)))


def _of_one(
    canonical: Canonical, x: gs.Variable, moved: Mapping[str, int], together: Collection[str] = ()
) -> Canonical:
    """Take the whole input for one row, and the scores for those of one row; and inputs that are explained with it."""
    graph, name = canonical.graph, x.name
    changed = dict(moved)
    for value in list(graph.inputs):
        if value.name in moved:
            _replace_input(graph, value, [1, *lengths(value)], ADDED)
    scores, result = graph.outputs[0].shape, canonical
    if scores is None or len(scores) < 2 or scores[0] != 1:
        result, changed = _moved_scores(canonical, ADDED, changed)
    if changed:
        shapes(graph)
    others = {value.name for value in graph.inputs if value.name in together and _is_one_row(value)}
    return replace(result, rows=Rows(proven=True, moved=changed, by_row=frozenset({name, *others})))


def _one_by_one(canonical: Canonical, x: gs.Variable) -> Canonical:
    """Let a model whose rows share a scale take one at a time; a run has to tell that they are apart but for it."""
    if canonical.rows.problem or not any(node.op in _SCALED for node in canonical.graph.nodes):
        return canonical
    before = lengths(x)[0]
    for value in canonical.graph.inputs:
        if value is x or lengths(value)[:1] == [before]:
            value.shape = [1, *lengths(value)[1:]]
    shapes(canonical.graph)
    return replace(canonical, rows=replace(canonical.rows, scaled=True))


def _open(graph: gs.Graph, found: Followed, rows: Length) -> None:
    """Leave the number of rows open in all values, where the file states one row for one of several inputs."""
    for value in (each for node in graph.nodes for each in node.outputs):
        state = found.states.get(value.name)
        if isinstance(state, Place) and state.alone and value.shape and value.shape[state.axis] == 1:
            value.shape = [rows if i == state.axis else n for i, n in enumerate(value.shape)]


def _named(rows: Length) -> Length:
    return "N" if rows is None else rows


def _replace_input(graph: gs.Graph, value: gs.Variable, shape: list[Length], axis: int) -> None:
    """Give the graph an input of this shape and of the name of `value`, and compute `value` from it."""
    if axis == 0:
        value.shape = shape
        return
    edit = Editor(graph)
    new = gs.Variable(value.name, value.dtype, shape)
    value.name = edit.fresh(f"{new.name}/as the file has it")
    if value.shape and axis > 0:
        value.shape = [shape[0] if i == axis else n for i, n in enumerate(value.shape)]
    node = _move(edit, new, value, axis, back=True)
    graph.inputs = [new if each is value else each for each in graph.inputs]
    graph.nodes.insert(0, node)


def _moved_scores(canonical: Canonical, axis: int, moved: Mapping[str, int]) -> tuple[Canonical, dict[str, int]]:
    """Put the rows of the scores first, and a model that puts them back in front of the head."""
    graph = canonical.graph
    edit, old = Editor(graph), cast("gs.Variable", graph.outputs[0])
    new = gs.Variable(edit.fresh(f"{old.name}/rows first"), old.dtype)
    graph.nodes.append(_move(edit, old, new, axis, back=False))
    graph.outputs = [new]
    heads = (_back(new, old, axis, graph), *canonical.heads)
    return replace(canonical, scores=new.name, heads=heads), {**moved, old.name: axis}


def _back(new: gs.Variable, old: gs.Tensor, axis: int, like: gs.Graph) -> onnx.ModelProto:
    """Return the model that computes the scores as the file has them, `old`, from those with the rows first, `new`.

    like: the graph whose versions it has.
    """
    source, result = (gs.Variable(value.name, value.dtype) for value in (new, old))
    graph = gs.Graph([], [source], [result], opset=like.opset, ir_version=like.ir_version)
    graph.nodes.append(_move(Editor(graph), source, result, axis, back=True, axes=len(lengths(old))))
    return gs.export_onnx(graph, do_type_check=False)


def _move(
    edit: Editor, source: gs.Variable, result: gs.Variable, axis: int, *, back: bool, axes: int | None = None
) -> gs.Node:
    """Return the node that takes the axis of the rows from `axis` to the front, or `back`; ADDED stands for none.

    axes: the number of axes of the source; without it, that of its shape.
    """
    name = edit.fresh(f"{result.name}/rows")
    if axis == ADDED:
        front = edit.constant(np.array([0], np.int64), f"{name}/axis")
        return gs.Node("Squeeze" if back else "Unsqueeze", name, {}, [source, front], [result])
    order = list(range(len(lengths(source)) if axes is None else axes))
    order.insert(axis if back else 0, order.pop(0 if back else axis))
    return gs.Node("Transpose", name, {"perm": order}, [source], [result])
