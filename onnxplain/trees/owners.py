"""Which column of the input each element of a row is a function of, value by value, as far as the operators prove it.

Pipelines scale, impute and encode columns before trees read them. An element that is a function of one column alone
belongs to it: the columns of a one-hot encoding all belong to the column that they encode. An element that several
columns move, such as that of a normalised row, is mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import active_values
from onnxplain.inputs.shape import static
from onnxplain.ops.elements import by_element
from onnxplain.passes.edit import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array

CONSTANT, MIXED = -1, -2
"""What stands in the place of a column's number: the element is the same in all rows, or several columns move it."""

_LAYOUT = (
    *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Gather"),
    *("GatherElements", "GatherND", "Expand", "Tile", "ArrayFeatureExtractor"),
)
"""Operators that put elements in other places, whatever they are."""

_STAIRS = ("Floor", "Ceil", "Round", "Sign")
"""Operators that make floats which stand still between jumps."""


def owners(graph: gs.Graph, starts: Mapping[str, Array]) -> dict[str, Array]:
    """Return for the values of a graph, by name, whose each element of a row is, whole numbers [1, *row].

    starts: the same for the inputs. An input that is not named is mixed. A value of which nothing is known is left out.
    """
    found = {name: np.asarray(each) for name, each in starts.items()}
    for value in graph.inputs:
        shape = _row(value)
        if value.name not in found and shape is not None:
            found[value.name] = np.full(shape, MIXED)
    for node in graph.nodes:
        made = zip(node.outputs, _of_node(graph, node, found), strict=False)
        found |= {value.name: each for value, each in made if each is not None}
    return found


def jumping(graph: gs.Graph, starts: Mapping[str, Array]) -> set[int]:
    """Return the columns that move the scores by jumps alone, as far as it is known: their slopes are 0 or undefined.

    A jump is a comparison, a rounding, or what else makes no floats of floats. starts: as for `owners`.
    """
    active = active_values(graph, starts)
    found = {name: np.asarray(each) for name, each in starts.items()}
    smooth, anyhow, before = set[int](), set[int](), owners(graph, starts)
    for node in graph.nodes:
        made = list(zip(node.outputs, _of_node(graph, node, found), strict=False))
        still = node.op in _STAIRS or not any(value.name in active for value in node.outputs)
        found |= {
            value.name: np.full_like(each, CONSTANT) if still else each for value, each in made if each is not None
        }
        if not _keeps(node):
            for all_of, those in ((found, smooth), (before, anyhow)):
                read = [_of_input(value, all_of) for value in node.inputs if value.name]
                if any(each is None for each in read):
                    return set()
                those.update(*(np.unique(each).tolist() for each in read if each is not None))
    return anyhow - smooth - {CONSTANT, MIXED}


def _keeps(node: gs.Node) -> bool:
    """Whether each element that a node writes is made of elements of single columns, whatever the node."""
    return node.op in _LAYOUT or node.op == "OneHotEncoder" or by_element(node)


def _row(value: gs.Tensor) -> tuple[int, ...] | None:
    """Return the shape of a value with 1 on the axis of the rows; None where the file leaves another axis open."""
    sizes = [static(n) for n in (value.shape or ())[1:]]
    known = [n for n in sizes if n is not None]
    return None if value.shape is None or len(known) < len(sizes) else (1, *known)


def _of_node(graph: gs.Graph, node: gs.Node, found: Mapping[str, Array]) -> Sequence[Array | None]:
    given = [_of_input(value, found) for value in node.inputs if value.name]
    if not given or any(each is None for each in given):
        return [None] * len(node.outputs)
    known = [each for each in given if each is not None]
    moved = len(node.inputs) if node.op == "Concat" else 1
    if node.op in _LAYOUT and all(not v.name or values_of(v) is not None for v in node.inputs[moved:]):
        return _laid_out(graph, node, known[:moved])
    if by_element(node):
        return [_joined(known)]
    if node.op == "OneHotEncoder":
        count = len(node.attrs.get("cats_int64s") or node.attrs.get("cats_strings") or ())
        return [np.repeat(known[0][..., None], count, -1)]
    return [_whole(value, known) for value in node.outputs]


def _of_input(value: gs.Tensor, found: Mapping[str, Array]) -> Array | None:
    values = values_of(value)
    return found.get(value.name) if values is None else np.full(np.shape(values), CONSTANT)


def _joined(given: Sequence[Array]) -> Array | None:
    """Return whose each element is that is computed of those at the same place."""
    try:
        together = np.stack(np.broadcast_arrays(*given))
    except ValueError:
        return None
    largest = together.max(0)
    same = (together == largest) | (together == CONSTANT)
    return np.asarray(np.where(same, largest, MIXED).min(0))


def _whole(value: gs.Tensor, given: Sequence[Array]) -> Array | None:
    """Return the owner of all elements of a value that may be computed of any of those that are given."""
    shape = _row(value)
    if shape is None:
        return None
    moving = set(np.concatenate([each.ravel() for each in given]).tolist()) - {CONSTANT}
    return np.full(shape, CONSTANT if not moving else moving.pop() if len(moving) == 1 else MIXED)


def _laid_out(graph: gs.Graph, node: gs.Node, given: Sequence[Array]) -> Sequence[Array | None]:
    """Let the operator put the owners `given`, of its first inputs, where it puts the elements."""
    from onnx.reference import ReferenceEvaluator  # here, because most models have no trees, and it takes a while

    data = [gs.Variable(f"data {i}", np.dtype(np.int64), list(each.shape)) for i, each in enumerate(given)]
    outputs = [gs.Variable(value.name, np.dtype(np.int64)) for value in node.outputs]
    inputs = [*data, *node.inputs[len(data) :]]
    alone = gs.Node(node.op, node.name, dict(node.attrs), inputs, outputs)
    alone.domain = node.domain
    own = gs.Graph([alone], data, outputs, opset=graph.opset, import_domains=graph.import_domains)
    feeds = {value.name: each.astype(np.int64) for value, each in zip(data, given, strict=True)}
    try:
        results = ReferenceEvaluator(gs.export_onnx(own, do_type_check=False)).run(None, feeds)
    except Exception:  # noqa: BLE001  # what the evaluator cannot lay out is not known
        return [None] * len(node.outputs)
    return [np.asarray(each) for each in results]
