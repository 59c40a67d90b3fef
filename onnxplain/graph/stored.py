"""Tensors as a file stores them: each has a type that ONNX knows, and as many elements as its shape says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKED = {
    **dict.fromkeys((TensorProto.UINT2, TensorProto.INT2), 4),
    **dict.fromkeys((TensorProto.UINT4, TensorProto.INT4, TensorProto.FLOAT4E2M1), 2),
}
"""How many elements share a byte, for the types where several do."""
_AXES = 64
"""The most axes that NumPy's arrays have."""
_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
"""The fields that hold elements one by one."""


def tensors_of(model: onnx.ModelProto) -> Iterator[tuple[TensorProto, str]]:
    """Yield every tensor of a model, with what messages call it."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[tuple[TensorProto, str]]:
    for each in graph.initializer:
        yield each, f"the initialiser {each.name!r}"
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[tuple[TensorProto, str]]:
    for attribute in node.attribute:
        for tensor in (*((attribute.t,) if attribute.HasField("t") else ()), *attribute.tensors):
            yield tensor, f"the attribute {attribute.name!r} of {node.op_type} (node {node.name!r})"
        for graph in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            yield from _of_graph(graph)


def check_tensors(model: onnx.ModelProto, name: str) -> None:
    """Raise BadInputError where a tensor holds another number of elements than its shape states, or an unknown type.

    name: what messages call the model.
    """
    for tensor, what in tensors_of(model):
        problem = _problem(tensor)
        if problem:
            raise BadInputError(f"{name}: {what} {problem}; the file is damaged, export it again")


def _problem(tensor: TensorProto) -> str:
    """Return what is wrong with a tensor, or ""."""
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type == TensorProto.UNDEFINED:
        return f"has the type number {tensor.data_type}, which ONNX does not know"
    if tensor.HasField("segment"):
        return "is a segment of a larger one, which is not put together here"
    shape = list(tensor.dims)
    if len(shape) > _AXES:
        return f"has {len(shape)} axes; {_AXES} are the most that arrays have here"
    return f"has the shape {shape}, with a size below 0" if min(shape, default=0) < 0 else _of_data(tensor, shape)


def _of_data(tensor: TensorProto, shape: list[int]) -> str:
    """Return what is wrong with the amount of data in a tensor of this shape, or ""."""
    count = math.prod(shape)
    packed = _PACKED.get(tensor.data_type, 1)
    if tensor.HasField("raw_data"):
        wanted, found = -(-count // packed) * _itemsize(tensor), len(tensor.raw_data)
        return f"has the shape {shape}, {wanted} bytes, but {found} bytes of data" if found != wanted else ""
    wanted = count * (2 if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) else 1)
    found = max(len(getattr(tensor, field)) for field in _FIELDS)
    if found not in (wanted, -(-wanted // packed)):
        return f"has the shape {shape}, {wanted} elements, but {found} are stored"
    return ""


def _itemsize(tensor: TensorProto) -> int:
    """Return the bytes of an element, or of several that are packed into one byte."""
    return int(helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
