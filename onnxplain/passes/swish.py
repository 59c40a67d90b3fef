"""Swish, y = x σ(αx), in the form that onnxruntime computes best: as a sigmoid and a product.

onnxruntime knows Swish by its definition alone. That casts α to the type of x, and each cast takes a tensor out of the
blocked layout in which convolutions are fast. Of a sigmoid and a product onnxruntime makes one kernel or, where a slope
reads σ(αx) too, computes that once for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from onnxplain.graph.tensors import numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx
    import onnx_graphsurgeon as gs


def write_out(model: onnx.ModelProto, graph: gs.Graph) -> None:
    """Write each Swish of a model, the proto of `graph`, as a sigmoid and a product, but for those in bodies."""
    tensors = graph.tensors()
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        dtype = numpy_dtype(tensors[node.output[0]]) if node.op_type == "Swish" and not node.domain else None
        nodes += [node] if dtype is None else _written(model, node, dtype)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _written(model: onnx.ModelProto, node: NodeProto, dtype: np.dtype[np.generic]) -> Iterable[NodeProto]:
    (x,), (y,) = node.input, node.output
    alpha = next((each.f for each in node.attribute if each.name == "alpha"), 1.0)
    scaled, sigmoid = x, f"{y}/sigmoid"
    if alpha != 1:
        scaled = f"{y}/scaled"
        model.graph.initializer.append(numpy_helper.from_array(np.array(alpha, dtype), f"{y}/alpha"))
        yield helper.make_node("Mul", [x, f"{y}/alpha"], [scaled], f"{node.name}/scaled")
    yield helper.make_node("Sigmoid", [scaled], [sigmoid], f"{node.name}/sigmoid")
    yield helper.make_node("Mul", [x, sigmoid], [y], node.name)
