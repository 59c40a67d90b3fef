"""Nodes that depend on constants alone are computed once and replaced by their values.

Such nodes are Constant nodes, DequantizeLinear of quantised weights, and every other deterministic node that reads only
constants, Loop and Scan included.

onnxruntime computes the values. A session costs about a millisecond however little it computes, so the nodes are
computed in rounds: one session computes all nodes whose inputs are constants already, and the session of the next round
computes those that read their outputs. An Identity of a weight needs no session, nor does any other node that returns a
weight unchanged.

Two kinds of nodes stay although they are constant. One would turn small constants into a large one, such as Expand,
Tile or ConstantOfShape. The other is a DequantizeLinear of weights whose reader also reads dequantised activations, or
of narrow ones in blocks: the runtime can compute their reader in integers as long as the DequantizeLinear is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_graphsurgeon as gs

from onnxplain.graph.dependence import RANDOM
from onnxplain.graph.tensors import is_narrow, numpy_dtype
from onnxplain.passes.compute import check_size, check_sizes, read_by, run
from onnxplain.passes.edit import is_onnx, values_of
from onnxplain.passes.identities import changes_nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGE = 1 << 18  # elements; a node of _EXPANDING with a larger output is not computed
_EXPANDING = ("ConstantOfShape", "Expand", "Tile", "Pad", "Range", "Resize", "EyeLike", "OneHot")
_VALUES = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def constants(graph: gs.Graph) -> int:
    """Replace nodes that depend on constants alone by their values; return how many were replaced."""
    check_sizes(graph)
    changed = sum(constants(each) for node in graph.nodes for each in node.subgraphs())
    own = {id(node) for node in graph.nodes}
    loops = [node for node in graph.nodes if any(True for _ in node.subgraphs())]
    waiting, seen = (
        [node for node in graph.nodes if node.outputs],
        set[int](),
    )  # seen: the nodes that were computed, or could not be
    while found := _found([node for node in waiting if id(node) not in seen], graph):
        seen |= found.keys()
        settled = [(node, results) for node, results in found.values() if results is not None]
        users = [user for node, _ in settled for value in node.outputs for user in value.outputs]
        for node, results in settled:
            _settle(node, results)
        changed += len(settled)
        # a loop may capture what became a constant, without being listed among its readers
        waiting = list({id(node): node for node in (*users, *loops) if id(node) in own and node.outputs}.values())
    graph.nodes = [node for node in graph.nodes if node.outputs]
    return changed


def _found(nodes: Sequence[gs.Node], graph: gs.Graph) -> dict[int, tuple[gs.Node, list[Any] | None]]:
    """Return nodes of constants and their outputs, by their ids; None stands for outputs that cannot be computed."""
    known = {id(node): (node, results) for node in nodes if (results := _known(node)) is not None}
    ready = [node for node in nodes if id(node) not in known and _is_constant(node)]
    return {**known, **dict(zip(map(id, ready), zip(ready, _compute(ready, graph), strict=True), strict=True))}


def _settle(node: gs.Node, results: list[Any]) -> None:
    """Turn the outputs of a node into constants with the values `results`, which removes the node."""
    outputs = list(node.outputs)
    node.outputs.clear()
    node.inputs.clear()
    for value, result in zip(outputs, results, strict=True):
        if value.name:
            value.to_constant(result)


def _known(node: gs.Node) -> list[Any] | None:
    """Return the output of a node that needs no session, or None for any other node.

    Such a node is a Constant, whose tensor stays packed, a CastLike of a constant to the type of a computed value, or
    one that returns a weight unchanged.
    """
    if is_onnx(node, "CastLike"):
        values, dtype = values_of(node.inputs[0]), numpy_dtype(node.inputs[1])
        return None if values is None or dtype is None else [values.astype(dtype)]
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
    if not node.outputs or node.op in RANDOM or is_onnx(node, "Constant") or _meets_integers(node):
        return False
    return all(isinstance(value, gs.Constant) and value.dtype != object for value in read_by(node) if value.name)


def _meets_integers(node: gs.Node) -> bool:
    """Whether a node is a DequantizeLinear of weights that the runtime may compute with in integers.

    Their reader also reads dequantised activations, or they are narrow and lie in blocks.
    """
    if node.op != "DequantizeLinear":
        return False
    dtype = numpy_dtype(node.inputs[0])
    if node.attrs.get("block_size", 0) and dtype is not None and is_narrow(dtype):
        return True
    beside = [value for user in node.outputs[0].outputs for value in user.inputs]
    makers = [maker for value in beside for maker in value.inputs if maker.op == "DequantizeLinear"]
    return any(isinstance(maker.inputs[0], gs.Variable) for maker in makers)


def _compute(nodes: Sequence[gs.Node], graph: gs.Graph) -> list[list[Any] | None]:
    """Return the outputs of each node, from one session if possible; None stands for a node that stays as it is."""
    small = [node for node in nodes if check_size(node, graph) <= _LARGE or node.op not in _EXPANDING]
    results = run(small, graph)
    if results is None:  # some node cannot be computed; the others can
        results = [None if alone is None else alone[0] for alone in (run([node], graph) for node in small)]
    found = dict(zip(map(id, small), results, strict=True))
    return [found.get(id(node)) for node in nodes]
