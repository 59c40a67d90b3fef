"""Computing nodes that read constants alone, by onnxruntime, within the limits that hold while a model is loaded.

How large a result will be is estimated before it is computed, since a few bytes can ask for a result of any size: a
Range, an Expand, a product of a column and a row. What the bodies of loops will do cannot be estimated. They get a
bounded memory, and the time that the limits leave them.
"""

from __future__ import annotations

import math
from threading import Timer
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper, numpy_helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.graph.inference import infer
from onnxplain.graph.runtime import BOUND, bounded_session
from onnxplain.graph.tensors import is_narrow, numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHAPE = 64  # elements; a constant of at most so many may be a shape, whose values shape inference needs
_SMALL = 1 << 20  # bytes; a result that is surely no larger than this is not estimated
_BOUNDED = frozenset(
    (
        *("Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "And", "Or", "Xor", "Not", "Where", "Clip"),
        *("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
        *(
            "Abs",
            "Neg",
            "Sign",
            "Sqrt",
            "Exp",
            "Log",
            "Ceil",
            "Floor",
            "Round",
            "Reciprocal",
            "Relu",
            "Sigmoid",
            "Tanh",
        ),
        *("Cast", "CastLike", "Identity", "QuantizeLinear", "DequantizeLinear", "MatMul", "Gemm"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ArgMax", "ArgMin"),
        *(
            "Reshape",
            "Flatten",
            "Squeeze",
            "Unsqueeze",
            "Transpose",
            "Slice",
            "Gather",
            "Split",
            "Concat",
            "Shape",
            "Size",
        ),
    )
)
"""Operators whose result has no more elements than their inputs have, multiplied with each other."""


_NO_MEMORY = "smaller than requested bytes"
"""What onnxruntime says where a bounded session needs more memory than it may have."""


def check_sizes(graph: gs.Graph) -> None:
    """Raise BadInputError where a node of constants, or one behind such nodes, is known to have a result too large.

    So nothing is computed of a chain that ends in such a result. Sizes that are not known yet are left to `check_size`.
    """
    made: set[int] = set()
    for node in graph.nodes:
        if all(isinstance(each, gs.Constant) or id(each) in made or each.is_empty() for each in read_by(node)):
            made.update(map(id, node.outputs))
            for each in node.outputs:
                dtype, sizes = numpy_dtype(each), [size for size in each.shape or () if isinstance(size, int)]
                if dtype is not None and len(sizes) == len(each.shape or ()):
                    _check(node, math.prod(sizes) * dtype.itemsize)


def check_size(node: gs.Node, graph: gs.Graph) -> float:
    """Return the number of elements of a node's first output, inf where it is not known before it is computed.

    Raises BadInputError where the output takes more than the limit of `constant_bytes`.
    """
    sizes = [math.prod(value.shape) for value in read_by(node) if isinstance(value, gs.Constant)]
    most = math.prod(max(size, 1) for size in sizes)
    if node.op in _BOUNDED and 8 * max(most, sum(sizes)) <= _SMALL:
        return most
    size, itemsize = _inferred(node, graph)
    if math.isfinite(size):
        _check(node, size * itemsize)
    return size


def _check(node: gs.Node, nbytes: float) -> None:
    told = f"{node.op} (node {node.name!r}) makes a constant of {nbytes:.0f} bytes"
    limits.check("constant_bytes", nbytes, told)


def run(nodes: Sequence[gs.Node], graph: gs.Graph) -> list[list[Any] | None] | None:
    """Return the outputs of each node from one session, or None where the runtime cannot compute all of these nodes.

    In the list, None stands for a node whose outputs are not arrays but sequences or maps.
    Raises BadInputError where it takes longer than the limit of `seconds` leaves.
    """
    if not nodes:
        return []
    arrays = _arrays(nodes)
    model = _model(nodes, arrays, graph)
    loops = any(True for node in nodes for _ in node.subgraphs())
    try:
        session, options = bounded_session(model, bounded=loops)
        feeds = {name: array for name, array in arrays.items() if not is_narrow(array.dtype)}
        results = iter(_stopped(session, options, feeds) if loops else session.run(None, feeds))
    except Exception as problem:  # noqa: BLE001  # what the runtime cannot compute stays a node, and is reported then
        limits.check_time(f"computing {', '.join(sorted({node.op for node in nodes}))} of constants")
        _check_memory(nodes, problem)
        return None
    values = [[next(results) if value.name else None for value in node.outputs] for node in nodes]
    _spend(values)
    return [each if all(value is None or isinstance(value, np.ndarray) for value in each) else None for each in values]


def read_by(node: gs.Node) -> Iterator[gs.Tensor]:
    """Yield what a node reads: its inputs, and the outer values that its subgraphs use."""
    yield from node.inputs
    for graph in node.subgraphs():
        yield from graph._foreign_tensors().values()  # noqa: SLF001  # graphsurgeon has no public name for it


def _stopped(session: Any, options: Any, arrays: dict[str, Any]) -> list[Any]:
    """Run a session, which is stopped between two nodes when the time of loading is over."""

    def stop() -> None:
        options.terminate = True

    left = limits.seconds_left()
    timer = Timer(max(left, 0.0), stop) if math.isfinite(left) else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        results: list[Any] = session.run(None, arrays, options)
    finally:
        if timer:
            timer.cancel()
    return results


def _check_memory(nodes: Sequence[gs.Node], problem: Exception) -> None:
    """Raise BadInputError where a single node, a loop, needed more memory than it may have: it would later, too."""
    if len(nodes) == 1 and _NO_MEMORY in str(problem):
        (node,) = nodes
        raise BadInputError(
            f"{node.op} (node {node.name!r}) reads constants alone, and takes more than {BOUND} bytes to compute: "
            "export the model with its result"
        ) from problem


def check_values(graph: gs.Graph) -> None:
    """Raise BadInputError where a value takes more bytes for one row than the limit. Sizes left open count as 1."""
    for node in graph.nodes:
        for each in node.outputs:
            dtype = numpy_dtype(each) or np.dtype(np.float32)
            nbytes = math.prod(size for size in each.shape or () if isinstance(size, int)) * dtype.itemsize
            limits.check("value_bytes", nbytes, f"{node.op} (node {node.name!r}) gives a value of {nbytes} bytes a row")


def _spend(values: list[list[Any]]) -> None:
    """Count the bytes of results. Raises BadInputError where all together are beyond the limit."""
    total = limits.spend("folded_bytes", sum(getattr(each, "nbytes", 0) for row in values for each in row))
    limits.check("folded_bytes", total, f"the constants that the model computes take {total} bytes together")


def _arrays(nodes: Sequence[gs.Node]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the constants that nodes read, by name."""
    read = (value for node in nodes for value in read_by(node))
    return {value.name: np.asarray(value.values) for value in read if isinstance(value, gs.Constant)}


def _model(nodes: Sequence[gs.Node], arrays: dict[str, np.ndarray[Any, Any]], graph: gs.Graph) -> onnx.ModelProto:
    """Return a model of these nodes alone. Its inputs are their constants, so that large ones are not serialised.

    Constants of a narrow type are its initialisers, because onnxruntime takes no such arrays.
    """
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in arrays.items()
        if not is_narrow(array.dtype)
    ]
    packed = [numpy_helper.from_array(array, name) for name, array in arrays.items() if is_narrow(array.dtype)]
    names = [value.name for node in nodes for value in node.outputs if value.name]
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    proto = helper.make_graph([OnnxExporter.export_node(node) for node in nodes], "constant", inputs, outputs, packed)
    return helper.make_model(proto, opset_imports=graph.import_domains, ir_version=10)


def _inferred(node: gs.Node, graph: gs.Graph) -> tuple[float, int]:
    """Return the number of elements of a node's first output and the bytes of one, by shape inference; inf, 1 else."""
    arrays = _arrays([node])
    model = _model([node], arrays, graph)
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name)
        for name, array in arrays.items()
        if array.size <= _SHAPE and not is_narrow(array.dtype)
    )
    found = infer(model)
    if found is None:
        return math.inf, 1
    kind = found.graph.output[0].type.tensor_type
    known = kind.HasField("shape") and all(each.HasField("dim_value") for each in kind.shape.dim)
    itemsize = helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize if kind.elem_type else 1
    return (math.prod(each.dim_value for each in kind.shape.dim) if known else math.inf), int(itemsize)
