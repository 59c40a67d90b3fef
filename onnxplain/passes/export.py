"""Write graphs as protos, with or without their weights, in float32 or, for a reference run, in float64.

A proto is ONNX's serialisable form of a model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.graph.tensors import pack
from onnxplain.ops.quantise import DOMAIN, POOL
from onnxplain.passes.edit import is_float
from onnxplain.passes.precision import convert_floats
from onnxplain.passes.swish import write_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array

_LARGE = 1 << 14
"""The number of elements above which a float constant counts as a large weight, which is not worth a second copy."""

_EXTERNAL = onnx.TensorProto.EXTERNAL
_KEPT = (
    *("name", "doc_string", "opset", "import_domains", "producer_name", "producer_version", "functions", "ir_version"),
)


def export(graph: gs.Graph, dtype: DTypeLike | None = None, *, weights_over: int | None = None) -> onnx.ModelProto:
    """Return the proto of a graph, with its floats converted to `dtype` where one is given.

    weights_over: where given, float constants of more elements than this become inputs of the proto, without values.
    """
    if dtype is not None:
        graph = copy(graph)
        convert_floats(graph, np.dtype(dtype))
    for each in (graph, *graph.subgraphs(recursive=True)):
        for value in each.tensors().values():
            if isinstance(value, gs.Constant):
                pack(value)
    return gs.export_onnx(graph if weights_over is None else _Declared(graph, weights_over), do_type_check=False)


def declare_weights(graph: gs.Graph) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the proto of a graph in which large weights are declared as inputs, and their values by name."""
    return export(graph, weights_over=_LARGE), {each.name: each.values for each in _large(graph, _LARGE)}


def detach_weights(graph: gs.Graph, *, rounded: bool = True) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """Return the proto of a graph without the data of its large weights, and the values of these weights by name.

    In the proto a large weight is an initialiser whose data is said to be elsewhere. The values are not copied: they
    are the arrays of the graph. Where the file quantises, the proto has the values of the file and nothing beside them;
    unless they are `rounded`, it has what is walked beside them, which is in floats, and rounds nothing.
    """
    model, weights = declare_weights(graph)
    _hold(model) if rounded else unround(model)
    write_out(model, graph)
    del model.functions[:]
    inputs = [each for each in model.graph.input if each.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for name, values in weights.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
        model.graph.initializer.add(name=name, dims=values.shape, data_type=kind, data_location=_EXTERNAL)
    return model, weights


def _hold(model: onnx.ModelProto) -> None:
    """Write each call of an operator of our own as its definition: what it is walked by is seen not to be needed."""
    for node in model.graph.node:
        if node.domain == DOMAIN:
            definition = next(each for each in model.functions if each.name == node.op_type)
            held = dict(zip(definition.input, node.input, strict=False))
            (body,) = definition.node
            call = onnx.helper.make_node(body.op_type, [held[name] for name in body.input], node.output, node.name)
            node.CopyFrom(call)


def unround(model: onnx.ModelProto) -> None:
    """Let each call of an operator of our own give its first input, or what a MaxPool makes of it."""
    for node in model.graph.node:
        if node.domain == DOMAIN:
            node.op_type, node.domain = POOL if node.op_type == POOL else "Identity", ""
            del node.input[1:]


def attach_weights(model: onnx.ModelProto, weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Put the values that `detach_weights` left out back into the proto, which is changed and returned."""
    for each in model.graph.initializer:
        if each.data_location == _EXTERNAL:
            each.CopyFrom(onnx.numpy_helper.from_array(weights[each.name], each.name))
    return model


def double(graph: gs.Graph) -> gs.Graph:
    """Return a copy of a graph with all floats in float64, except the scales of Resize, which ONNX wants in float32."""
    result = copy(graph)
    convert_floats(result, np.dtype(np.float64))
    return result


def copy(graph: gs.Graph) -> gs.Graph:
    """Return a copy of a graph, whose nodes and tensors are new and whose weights are the same arrays."""
    result = graph.copy()
    types = {name: value.type for name, value in graph.tensors().items() if isinstance(value, gs.Variable)}
    for name, value in result.tensors().items():
        if isinstance(value, gs.Variable):
            value.type = types.get(name, "tensor_type")
    result.producer_name, result.producer_version = graph.producer_name, graph.producer_version
    return result


def constants_of(graph: gs.Graph) -> dict[str, Array]:
    """Return the values of the constants of a graph and of the bodies in it, by name."""
    graphs = (graph, *graph.subgraphs(recursive=True))
    return {
        name: value.values
        for each in graphs
        for name, value in each.tensors().items()
        if isinstance(value, gs.Constant)
    }


class _Declared(gs.Graph):
    """A graph to export: it has the nodes of another graph, and declares that graph's large weights as inputs.

    The nodes are not copied, and still read the weights as constants. But the exporter writes the values of those
    constants only that `tensors()` returns, and there the large weights are variables. To copy all nodes and tensors
    would take longer than to write them.
    """

    def __init__(self, graph: gs.Graph, elements: int) -> None:
        weights = {each.name: gs.Variable(each.name, each.dtype, list(each.shape)) for each in _large(graph, elements)}
        self._tensors: dict[str, gs.Tensor] = {**graph.tensors(), **weights}
        kept = {name: getattr(graph, name) for name in _KEPT}
        super().__init__(graph.nodes, [*graph.inputs, *weights.values()], graph.outputs, **kept)

    def tensors(self, check_duplicates: bool = False) -> dict[str, gs.Tensor]:  # noqa: ARG002
        """Return the tensors by name, as the exporter asks for them."""
        return dict(self._tensors)


def _large(graph: gs.Graph, elements: int) -> list[gs.Constant]:
    """Return the float constants that have more than `elements` elements."""
    known = [value for value in graph.tensors().values() if isinstance(value, gs.Constant)]
    return [value for value in known if is_float(value) and math.prod(value.shape) > elements]
