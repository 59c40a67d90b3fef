"""From a graph back to a proto, in float32 or, for a reference run, in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.passes.edit import is_float
from onnxplain.passes.precision import convert_floats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array

_LARGE = 1 << 14
"""Elements; of smaller constants a second copy costs nothing."""

_EXTERNAL = onnx.TensorProto.EXTERNAL


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


def detach_weights(graph: gs.Graph) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the proto of a graph, in which large weights are only named, and these, which the graph shares."""
    weights = {name: value.values for name, value in graph.tensors().items() if _is_large(value, _LARGE)}
    model = export(graph, weights_over=_LARGE)
    inputs = [each for each in model.graph.input if each.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for name, values in weights.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
        model.graph.initializer.add(name=name, dims=values.shape, data_type=kind, data_location=_EXTERNAL)
    return model, weights


def attach_weights(model: onnx.ModelProto, weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Put the weights that a proto only names into it, and return it."""
    for each in model.graph.initializer:
        if each.data_location == _EXTERNAL:
            each.CopyFrom(onnx.numpy_helper.from_array(weights[each.name], each.name))
    return model


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
        if _is_large(value, elements):
            variable = value.to_variable(value.dtype, list(value.shape))
            variable.type = "tensor_type"
            graph.inputs.append(variable)


def _is_large(value: gs.Tensor, elements: int) -> bool:
    return isinstance(value, gs.Constant) and is_float(value) and math.prod(value.shape) > elements
