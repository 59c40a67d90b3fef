"""A graph that takes several of its inputs as one: the elements of a row of each, one behind the other.

So several inputs are walked to as one is, by every method and every engine: one walk finds what all of them get.
"""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import Editor
from onnxplain.passes.export import copy

if TYPE_CHECKING:
    from collections.abc import Mapping


def packed(graph: gs.Graph, rows: Mapping[str, tuple[int, ...]]) -> gs.Graph:
    """Return a copy of a graph whose first input, [N, K], has the place of several inputs of floats.

    rows: the shape of a row of each of these inputs, by name; K is the number of elements of all. They are values that
    the copy computes, under the names that they had. The new input is named after all of them.
    """
    result = copy(graph)
    inputs = {value.name: value for value in result.inputs}
    edit = Editor(result)
    ends = list(accumulate(prod(row) for row in rows.values()))
    first = inputs[next(iter(rows))]
    count = (list(first.shape or ()) or [None])[0]
    whole = gs.Variable(edit.fresh(" + ".join(rows)), first.dtype, [count, ends[-1]])
    axis = edit.constant(np.array([1]), f"{whole.name}/axis")
    for start, end, (name, row) in zip([0, *ends], ends, rows.items(), strict=False):
        value = inputs[name]
        bounds = [edit.constant(np.array([at]), f"{name}/{at}") for at in (start, end)]
        part = edit.add("Slice", [whole, *bounds, axis], f"{name}/of all", like=value)
        part.shape, value.shape = [count, end - start], [count, *row]
        shape = edit.constant(np.array([0, *row]), f"{name}/shape")
        edit.add("Reshape", [part, shape], f"{name}/as it is", output=value)
    result.inputs = [whole, *(value for name, value in inputs.items() if name not in rows)]
    result.nodes = [*edit.new, *result.nodes]
    return result
