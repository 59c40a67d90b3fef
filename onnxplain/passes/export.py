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
_KEPT = (
    *("name", "doc_string", "opset", "import_domains", "producer_name", "producer_version", "functions", "ir_version"),
)


def export(graph: gs.Graph, dtype: DTypeLike | None = None, *, weights_over: int | None = None) -> onnx.ModelProto:
    """Return the proto of a graph, with its floats converted to `dtype` where one is given.

    weights_over: declare constants of more elements than this as inputs, without their values.
    """
    if dtype is not None:
        graph = copy(graph)
        convert_floats(graph, np.dtype(dtype))
    return gs.export_onnx(graph if weights_over is None else _Declared(graph, weights_over), do_type_check=False)


def declare_weights(graph: gs.Graph) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the proto of a graph in which large weights are declared as inputs, and their values by name."""
    return export(graph, weights_over=_LARGE), {each.name: each.values for each in _large(graph, _LARGE)}


def detach_weights(graph: gs.Graph) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the proto of a graph in which large weights are only named, and their values, which the graph shares."""
    model, weights = declare_weights(graph)
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
        if isinstance(value, gs.Variable):
            value.type = types.get(name, "tensor_type")
    result.producer_name, result.producer_version = graph.producer_name, graph.producer_version
    return result


class _Declared(gs.Graph):
    """A graph to be written: the nodes of another one, whose large weights are inputs, of which only the type is known.

    To copy all nodes and values instead would take longer than to write them.
    """

    def __init__(self, graph: gs.Graph, elements: int) -> None:
        weights = {each.name: gs.Variable(each.name, each.dtype, list(each.shape)) for each in _large(graph, elements)}
        self._tensors: dict[str, gs.Tensor] = {**graph.tensors(), **weights}
        kept = {name: getattr(graph, name) for name in _KEPT}
        super().__init__(graph.nodes, [*graph.inputs, *weights.values()], graph.outputs, **kept)

    def tensors(self, check_duplicates: bool = False) -> dict[str, gs.Tensor]:  # noqa: ARG002
        """Tensors by name, as the exporter reads them."""
        return dict(self._tensors)


def _large(graph: gs.Graph, elements: int) -> list[gs.Constant]:
    """The constants of more elements, floats all."""
    known = [value for value in graph.tensors().values() if isinstance(value, gs.Constant)]
    return [value for value in known if is_float(value) and math.prod(value.shape) > elements]
