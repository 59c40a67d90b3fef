"""From a graph back to a proto, in float32 or, for a reference run, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.passes.precision import convert_floats

if TYPE_CHECKING:
    import onnx
    from numpy.typing import DTypeLike


def export(graph: gs.Graph, dtype: DTypeLike | None = None, *, weights_over: int | None = None) -> onnx.ModelProto:
    """Return the proto of a graph, with its floats converted to `dtype` where one is given.

    weights_over: declare constants of more elements than this as inputs, without their values.
    """
    if dtype is not None or weights_over is not None:
        graph = copy(graph)
    if dtype is not None:
        convert_floats(graph, np.dtype(dtype))
    if weights_over is not None:
        _declare_large(graph, weights_over)
    return gs.export_onnx(graph, do_type_check=False)


def double(graph: gs.Graph) -> gs.Graph:
    """Copy a graph with every float in float64; the scales of Resize stay float32, as ONNX demands."""
    result = copy(graph)
    convert_floats(result, np.dtype(np.float64))
    return result


def copy(graph: gs.Graph) -> gs.Graph:
    """Copy a graph: nodes and tensors are new, weights are shared."""
    result = graph.copy()
    types = {name: value.type for name, value in graph.tensors().items() if isinstance(value, gs.Variable)}
    for name, value in result.tensors().items():
        value.type = types.get(name, "tensor_type")
    result.producer_name, result.producer_version = graph.producer_name, graph.producer_version
    return result


def _declare_large(graph: gs.Graph, elements: int) -> None:
    for value in graph.tensors().values():
        if isinstance(value, gs.Constant) and np.prod(value.shape, dtype=np.int64) > elements:
            variable = value.to_variable(value.dtype, list(value.shape))
            variable.type = "tensor_type"
            graph.inputs.append(variable)
