# Types of the parts of onnx-graphsurgeon that this project uses; the package has none of its own.

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from onnx import ModelProto, OperatorSetIdProto
from onnx_graphsurgeon.ir.tensor import LazyValues

_DType: TypeAlias = np.dtype[Any] | int  # the number of an ONNX type where NumPy has no such type
_Shape: TypeAlias = Sequence[int | str | None]  # an axis of unknown length has a name, or None
_Values: TypeAlias = np.ndarray[Any, Any] | LazyValues

class _Tensor:
    name: str
    inputs: list[Node]  # the node that computes the tensor; empty for an input of the graph and for a Constant
    outputs: list[Node]  # the nodes that read it
    def is_empty(self) -> bool: ...
    def to_constant(self, values: _Values) -> Constant: ...

class Variable(_Tensor):
    dtype: _DType | None
    shape: _Shape | None
    type: str
    def __init__(self, name: str, dtype: _DType | None = ..., shape: _Shape | None = ...) -> None: ...
    @staticmethod
    def empty() -> Variable: ...

class Constant(_Tensor):
    values: np.ndarray[Any, Any]
    data_location: int | None
    export_dtype: _DType | None
    _values: _Values
    def __init__(self, name: str, values: _Values) -> None: ...
    @property
    def dtype(self) -> _DType: ...
    @property
    def shape(self) -> Sequence[int]: ...

Tensor: TypeAlias = Variable | Constant  # an abstract class in the package: every tensor is one of the two

class Node:
    op: str
    name: str
    domain: str | None
    attrs: dict[str, Any]
    inputs: list[Tensor]
    outputs: list[Variable]
    def __init__(
        self,
        op: str,
        name: str = ...,
        attrs: dict[str, Any] = ...,
        inputs: Sequence[Tensor] = ...,
        outputs: Sequence[Variable] = ...,
        domain: str | None = ...,
    ) -> None: ...
    def subgraphs(self, recursive: bool = ...) -> Iterator[Graph]: ...

class Graph:
    name: str
    nodes: list[Node]
    inputs: list[Variable]
    outputs: list[Tensor]
    opset: int
    ir_version: int | None
    import_domains: Sequence[OperatorSetIdProto]
    producer_name: str
    producer_version: str
    functions: Sequence[Function]
    def __init__(
        self, nodes: Sequence[Node], inputs: Sequence[Variable], outputs: Sequence[Tensor], *, opset: int, **kwargs: Any
    ) -> None: ...
    def cleanup(self, *, remove_unused_graph_inputs: bool = ..., recurse_functions: bool = ...) -> Self: ...
    def toposort(self) -> Self: ...
    def copy(self, tensor_map: Mapping[str, Tensor] | None = ...) -> Graph: ...
    def tensors(self, check_duplicates: bool = ...) -> dict[str, Tensor]: ...
    def subgraphs(self, recursive: bool = ...) -> Iterator[Graph]: ...
    def _foreign_tensors(self) -> dict[str, Tensor]: ...

class Function(Graph):
    def __init__(
        self,
        name: str,
        domain: str,
        nodes: Sequence[Node],
        inputs: Sequence[Variable],
        outputs: Sequence[Tensor],
        *,
        opset: int,
        attrs: dict[str, Any] = ...,
    ) -> None: ...

def import_onnx(onnx_model: ModelProto) -> Graph: ...
def export_onnx(graph: Graph, do_type_check: bool = ...) -> ModelProto: ...
