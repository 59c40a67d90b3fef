"""Shapes of all values of a graph, exactly, with the batch as a symbol: by comparing 2 rows with 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from onnxplain.engines.forward import RuntimeForward
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows, Shape, Size
from onnxplain.errors import OnnxplainError
from onnxplain.inputs.batch import by_row
from onnxplain.passes import export

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array


def learn(graph: gs.Graph, feeds: Mapping[str, Array], names: Iterable[str], *, symbolic: bool) -> dict[str, Shape]:
    """Shapes of `names`, constants left out, and of the inputs for feeds of this size, the explained input first.

    symbolic: lengths that grow with the rows become `Rows`; raises BatchSizeNeededError where they do not grow so.
    """
    names = set(names) - {name for name, value in graph.tensors().items() if hasattr(value, "values")}
    if not symbolic:
        return dict(_shapes(graph, feeds, names))
    grows = by_row(graph, feeds)
    try:
        two, three = (_shapes(graph, _rows(feeds, grows, count), names) for count in (2, 3))
    except OnnxplainError:
        raise
    except Exception as problem:  # onnxruntime's errors share no base; a file may say any number of rows and take one
        raise BatchSizeNeededError from problem
    return {name: tuple(map(_size, two[name], three[name])) for name in two}


def _shapes(graph: gs.Graph, feeds: Mapping[str, Array], names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Shapes by inference; a run tells those that it leaves open."""
    known = {name: value.shape for name, value in feeds.items()}
    known |= _inferred(graph, known)
    open_ = sorted(set(names) - known.keys())
    return known | (RuntimeForward(graph).run(feeds, (), open_)[1] if open_ else {})


def _inferred(graph: gs.Graph, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """What ONNX infers from inputs of these shapes, where it infers every size. Large weights only state theirs."""
    model = export(graph, weights_over=1024)
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    for value in model.graph.input:
        if value.name in inputs:
            element = value.type.tensor_type.elem_type
            value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, element, inputs[value.name]))
    found = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {each.name: each.type.tensor_type.shape.dim for each in (*found.value_info, *found.output)}
    ranked = {each.name for each in (*found.value_info, *found.output) if each.type.tensor_type.HasField("shape")}
    return {
        name: tuple(size.dim_value for size in sizes)
        for name, sizes in shapes.items()
        if name in ranked and all(size.HasField("dim_value") for size in sizes)
    }


def _rows(feeds: Mapping[str, Array], grows: Collection[str], count: int) -> dict[str, Array]:
    """The first row of each input that `grows`, `count` times."""
    return {name: np.repeat(v[:1], count, 0) if name in grows else v for name, v in feeds.items()}


def _size(two: int, three: int) -> Size:
    if two == three:
        return two
    if two * 3 != three * 2:
        raise BatchSizeNeededError
    return Rows(two // 2)
