"""External data: the tensors whose values a model keeps in files beside its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import onnx
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def load_external(model: onnx.ModelProto, folder: Path) -> list[str]:
    """Load the external data of `model`, whose file lies in `folder`, into it.

    Returns the SHA-256 of each tensor that was loaded, of its bytes as they were read, in the order of the file.
    Raises what onnx raises for a data file that is missing, too short, or outside the folder.
    """
    digests = []
    for tensor in external_tensors(model):
        load_external_data_for_tensor(tensor, str(folder))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
        digests.append(hashlib.sha256(tensor.raw_data).hexdigest())
    return digests


def external_tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Return the tensors of a model, those of bodies and functions among them, that refer to external data."""
    found = [*_of_graph(model.graph), *(each for function in model.functions for each in _of_nodes(function.node))]
    return [each for each in found if uses_external_data(each)]


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: list[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """Yield the tensors in the attributes of nodes, and those of the graphs in there."""
    for attribute in (each for node in nodes for each in node.attribute):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for body in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            yield from _of_graph(body)
