"""Nodes that depend on constants alone are computed once and replaced by their values.

Such nodes are Constant nodes, DequantizeLinear of quantised weights, and every other deterministic node that reads only
constants, Loop and Scan included.

onnxruntime computes the values. A session costs about a millisecond however little it computes, so the nodes are
computed in rounds: one session computes all nodes whose inputs are constants already, and the session of the next round
computes those that read their outputs. An Identity of a weight needs no session, nor does any other node that returns a
weight unchanged.

Two kinds of nodes stay although they are constant. One would turn small constants into a large one, such as Expand,
Tile or ConstantOfShape. The other is a DequantizeLinear of weights whose reader also reads dequantised activations: the
runtime can compute that reader in integers as long as the DequantizeLinear is there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper, numpy_helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from onnxplain.graph.inference import infer
from onnxplain.graph.runtime import onnxruntime
from onnxplain.passes.edit import is_onnx, rewrite, values_of
from onnxplain.passes.identities import changes_nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LARGE = 1 << 18  # elements; a node of _EXPANDING with a larger output is not computed
_SHAPE = 64  # elements; a constant of at most so many may be a shape, whose values shape inference needs
_EXPANDING = ("ConstantOfShape", "Expand", "Tile", "Pad", "Range", "Resize", "EyeLike", "OneHot")
_RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
)
_VALUES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def constants(graph: gs.Graph) -> int:
    """Replace nodes that depend on constants alone by their values; return how many were replaced."""
    changed = sum(constants(each) for node in graph.nodes for each in node.subgraphs())
    computed: dict[int, list[Any] | None] = {}  # outputs of each node, by its id; None where the runtime failed
    while True:
        changed += rewrite(graph, lambda _, node: _settle(node, computed.get(id(node)) or _known(node)))
        ready = [node for node in graph.nodes if id(node) not in computed and _is_constant(node)]
        if not ready:
            return changed
        computed.update(zip(map(id, ready), _compute(ready, graph), strict=True))


def _settle(node: gs.Node, results: list[Any] | None) -> bool:
    """Turn the outputs of a node into constants with the values `results`, if given, which removes the node."""
    if results is None:
        return False
    outputs = list(node.outputs)
    node.outputs.clear()
    for value, result in zip(outputs, results, strict=True):
        if value.name:
            value.to_constant(result)
    return True


def _known(node: gs.Node) -> list[Any] | None:
    """Return the output of a node that needs no session, or None for any other node.

    Such a node is a Constant, whose tensor stays packed, or one that returns a weight unchanged.
    """
    if not is_onnx(node, "Constant"):
        weight = values_of(node.inputs[0]) if _is_constant(node) and changes_nothing(node) else None
        return None if weight is None else [weight]
    if len(node.attrs) != 1:
        return None
    ((name, value),) = node.attrs.items()
    if isinstance(value, gs.Constant):
        return [value._values]  # noqa: SLF001  # the packed form, which is not public
    return [np.array(value, _VALUES[name])] if name in _VALUES else None


def _is_constant(node: gs.Node) -> bool:
    """Whether a session can compute a node now: it reads only constants and is not of a kind that has to stay."""
    if not node.outputs or node.op in _RANDOM or is_onnx(node, "Constant") or _meets_integers(node):
        return False
    return all(isinstance(value, gs.Constant) and value.dtype != object for value in _read_by(node) if value.name)


def _meets_integers(node: gs.Node) -> bool:
    """Whether a node is a DequantizeLinear of weights whose reader also reads dequantised activations."""
    if node.op != "DequantizeLinear":
        return False
    beside = [value for user in node.outputs[0].outputs for value in user.inputs]
    makers = [maker for value in beside for maker in value.inputs if maker.op == "DequantizeLinear"]
    return any(isinstance(maker.inputs[0], gs.Variable) for maker in makers)


def _read_by(node: gs.Node) -> Iterator[gs.Tensor]:
    """Yield what a node reads: its inputs, and the outer values that its subgraphs use."""
    yield from node.inputs
    for graph in node.subgraphs():
        yield from graph._foreign_tensors().values()  # noqa: SLF001  # graphsurgeon has no public name for it


def _compute(nodes: Sequence[gs.Node], graph: gs.Graph) -> list[list[Any] | None]:
    """Return the outputs of each node, from one session if possible; None stands for a node that stays as it is."""
    small = [node for node in nodes if node.op not in _EXPANDING or _size(node, graph) <= _LARGE]
    results = _run(small, graph)
    if results is None:  # some node cannot be computed; the others can
        results = [None if alone is None else alone[0] for alone in (_run([node], graph) for node in small)]
    found = dict(zip(map(id, small), results, strict=True))
    return [found.get(id(node)) for node in nodes]


def _run(nodes: Sequence[gs.Node], graph: gs.Graph) -> list[list[Any] | None] | None:
    """Return the outputs of each node from one session, or None where the runtime cannot compute all of these nodes.

    In the list, None stands for a node whose outputs are not arrays but sequences or maps.
    """
    if not nodes:
        return []
    arrays = _arrays(nodes)
    model = _model(nodes, arrays, graph)
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = iter(session.run(None, arrays))
    except Exception:  # noqa: BLE001  # what the runtime cannot compute stays a node, and is reported with its name
        return None
    values = [[next(results) if value.name else None for value in node.outputs] for node in nodes]
    return [each if all(value is None or isinstance(value, np.ndarray) for value in each) else None for each in values]


def _arrays(nodes: Sequence[gs.Node]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the constants that nodes read, by name."""
    read = (value for node in nodes for value in _read_by(node))
    return {value.name: np.asarray(value.values) for value in read if isinstance(value, gs.Constant)}


def _model(nodes: Sequence[gs.Node], arrays: dict[str, np.ndarray[Any, Any]], graph: gs.Graph) -> onnx.ModelProto:
    """Return a model of these nodes alone. Its inputs are their constants, so that large ones are not serialised."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in arrays.items()
    ]
    names = [value.name for node in nodes for value in node.outputs if value.name]
    outputs = [helper.make_empty_tensor_value_info(name) for name in names]
    proto = helper.make_graph([OnnxExporter.export_node(node) for node in nodes], "constant", inputs, outputs)
    return helper.make_model(proto, opset_imports=graph.import_domains, ir_version=10)


def _size(node: gs.Node, graph: gs.Graph) -> float:
    """Return the number of elements of a node's first output, which shape inference finds; inf where it does not."""
    arrays = _arrays([node])
    model = _model([node], arrays, graph)
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items() if array.size <= _SHAPE
    )
    found = infer(model)
    if found is None:
        return math.inf
    inferred = found.graph.output[0].type.tensor_type
    known = inferred.HasField("shape") and all(each.HasField("dim_value") for each in inferred.shape.dim)
    return math.prod(each.dim_value for each in inferred.shape.dim) if known else math.inf
