"""The shapes that ONNX infers for the values of a graph, for inputs of given shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from onnxplain.passes import export

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx_graphsurgeon as gs


def shapes_at(graph: gs.Graph, inputs: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes that ONNX infers in full from these shapes of the inputs.

    Large weights take part by their shapes alone, since inference does not read their values.
    """
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
