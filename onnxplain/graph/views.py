"""Weights that are views of other weights: the results of nodes that only rearrange the elements of a weight.

NumPy makes such a result without a copy. onnxruntime computes the nodes while it opens a session, and then holds the
weight and the result in memory at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array


def views(model: ModelProto, weights: Mapping[str, Array]) -> dict[str, Array]:
    """Remove the nodes Transpose, Slice and Reshape of a weight from `model`, and compute their results as views.

    weights: the values of the initialisers that `model` only names, without holding their data. Returns the values of
    all initialisers that it names from now on, the views among them.
    """
    graph, known = model.graph, dict(weights)
    small = {each.name: each for each in graph.initializer if each.name not in weights}
    ends = {each.name for each in graph.output}
    nodes = []
    for node in graph.node:
        view = None if ends & set(node.output) else _view(node, known, small)
        if view is None:
            nodes.append(node)
        else:
            known[node.output[0]] = view
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    made = {name: view for name, view in known.items() if name not in weights and name in read}
    for name, view in made.items():
        kind = helper.np_dtype_to_tensor_dtype(view.dtype)
        graph.initializer.add(name=name, dims=view.shape, data_type=kind, data_location=TensorProto.EXTERNAL)
    return {**weights, **made}


def _view(node: NodeProto, known: Mapping[str, Array], small: Mapping[str, TensorProto]) -> Array | None:
    """Return the result of a node that rearranges one of the `known` weights; None for any other node.

    small: the initialisers whose data the model holds, among them axes, shapes and bounds.
    """
    first, *rest = node.input or [""]
    if node.domain or first not in known or not all(name in small for name in rest):
        return None
    x, arguments = known[first], [numpy_helper.to_array(small[name]).tolist() for name in rest]
    if node.op_type == "Transpose" and node.attribute:
        return x.transpose(node.attribute[0].ints)
    if node.op_type == "Slice" and len(arguments) == 4:
        keys = [slice(None)] * x.ndim
        for start, end, axis, step in zip(*arguments, strict=True):
            keys[axis] = slice(start, end, step)
        return x[tuple(keys)]
    if node.op_type == "Reshape" and 0 not in arguments[0]:
        return x.reshape(arguments[0])
    return None
