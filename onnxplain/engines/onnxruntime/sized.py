"""The nodes of a joint model as its session runs them, and how many bytes their values take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import onnx

from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.check import subgraphs

if TYPE_CHECKING:
    from collections.abc import Mapping


class Work(NamedTuple):
    """A node that a session runs: its operator, and the names of the values that it reads and makes.

    new: whether a rewriting of the graph has put it there, by which onnxruntime orders nodes; 0 where it is as written.
    """

    op: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    new: int = 0


@dataclass(frozen=True)
class Sized:
    """The nodes of a model but those of constants alone, which a session computes when it is opened.

    nbytes, shapes: of the values and of the constants that these nodes read, by name. constants: names of the latter.
    groups: how many groups of channels a convolution has, by the name of its output. ends: names of the outputs.
    types: ONNX's number of the type of the elements of each value, by name.
    """

    nodes: tuple[Work, ...]
    nbytes: dict[str, int]
    shapes: dict[str, tuple[int, ...]]
    constants: frozenset[str]
    groups: dict[str, int]
    ends: frozenset[str]
    types: dict[str, int] = field(default_factory=dict)

    def part(self, part: onnx.GraphProto) -> Sized:
        """Return the nodes of a graph that has some of these nodes, with the same sizes."""
        made = {node.output[0] for node in part.node}
        nodes = tuple(node for node in self.nodes if node.makes[0] in made)
        return replace(self, nodes=nodes, ends=frozenset(each.name for each in part.output))

    def values(self) -> dict[str, onnx.ValueInfoProto]:
        """Return the types and the shapes of the values as a graph states them, by name."""
        make = onnx.helper.make_tensor_value_info
        return {name: make(name, kind, self.shapes[name]) for name, kind in self.types.items()}


def sized(model: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]], known: Mapping[str, tuple[int, ...]]) -> Sized:
    """Return the nodes of a model with the sizes of its values, for inputs of these shapes.

    known: shapes of values in float32, for those that ONNX does not infer, such as of a MaxUnpool.
    Raises UnsupportedModelError where the size of a value is in neither, and for nodes that hold graphs.
    """
    graph = _inferred(model, inputs)
    if holder := next((node for node in graph.node if any(subgraphs(node))), None):
        raise UnsupportedModelError(f"{holder.op_type} (node {holder.name!r}): what its body holds is not known")
    types, shapes = _stated(graph)
    for name in known.keys() - shapes.keys():
        types[name], shapes[name] = onnx.TensorProto.FLOAT, known[name]
    nbytes = {name: math.prod(shape) * _width(types[name]) for name, shape in shapes.items()}
    constants = {"", *(each.name for each in graph.initializer)}
    nodes: list[Work] = []
    groups: dict[str, int] = {}
    for node in graph.node:
        if constants.issuperset(node.input):
            constants.update(node.output)
            continue
        nodes.append(Work(node.op_type, tuple(node.input), tuple(filter(None, node.output))))
        groups.update((node.output[0], each.i) for each in node.attribute if each.name == "group")
    open_ = next((name for each in nodes for name in (*each.makes, *each.reads) if name and name not in nbytes), None)
    if open_ is not None:
        raise UnsupportedModelError(f"the size of the value {open_!r} is not known before the model runs")
    ends = frozenset(each.name for each in graph.output)
    return Sized(tuple(nodes), nbytes, shapes, frozenset(constants), groups, ends, types)


def _inferred(model: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]]) -> onnx.GraphProto:
    """Return the graph of a model with the shapes that ONNX infers for inputs of these shapes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    for value in copy.graph.output:
        if any(not size.HasField("dim_value") for size in value.type.tensor_type.shape.dim):
            value.type.tensor_type.ClearField("shape")
    for value in copy.graph.input:
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kind, inputs.get(value.name)))
    return onnx.shape_inference.infer_shapes(copy, data_prop=True).graph


def _stated(graph: onnx.GraphProto) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """Return the types and the shapes of the values and the initialisers whose shape is known in full, by name."""
    types = {each.name: each.data_type for each in graph.initializer}
    shapes = {each.name: tuple(each.dims) for each in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(size.HasField("dim_value") for size in kind.shape.dim):
            types[value.name] = kind.elem_type
            shapes[value.name] = tuple(size.dim_value for size in kind.shape.dim)
    return types, shapes


def _width(kind: int) -> int:
    """Return the bytes of an element of a type."""
    return int(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize)
