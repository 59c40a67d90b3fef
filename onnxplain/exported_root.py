"""Methods that move or compare their input, on inputs that have no slope: from the embedding on, see `FromRoot`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from onnxplain.engines.onnxruntime import export as file_format
from onnxplain.engines.onnxruntime.nodes import DOUBLE, FLOAT, integers
from onnxplain.exported_average import averaged
from onnxplain.exported_walk import read_sample, whole
from onnxplain.graph.needed import keep_needed
from onnxplain.method.request import Request
from onnxplain.method.walk_method import WalkMethod
from onnxplain.passes import attach_weights, detach_weights
from onnxplain.walk.objective import Objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from onnx import GraphProto

    from onnxplain.engines.onnxruntime.nodes import Nodes
    from onnxplain.method.averages import AverageMethod
    from onnxplain.method.from_root import FromRoot
    from onnxplain.model import Model


def from_root(method: FromRoot, inner: WalkMethod | AverageMethod, seed: str | None) -> onnx.ModelProto:
    """Return the model with a method on its root `inner`, and with what leads to the root before it."""
    batch = read_sample(method.model, method.feeds)
    there = method.at_root(Request(batch, Objective(None, None, "one")))
    before = before_value(method.model, method.model.root)
    if isinstance(inner, WalkMethod):
        proto = whole(inner, seed, there)
        _put_before(proto.graph, before)
    else:
        proto = averaged(inner, seed, there, before)
    rank = batch.x.ndim
    axes = range(rank, there.batch.x.ndim)
    if axes:
        folding = partial(_folded, axes, inner.folds_by_norm)
        file_format.rework(proto.graph, folding, batch.x.shape[1:])
    return proto


def before_value(model: Model, name: str) -> GraphProto:
    """Return the part of a model that computes a value, with the inputs that this part reads."""
    proto = attach_weights(*detach_weights(model.canonical.graph))
    del proto.graph.output[:], proto.graph.value_info[:]
    keep_needed(proto, [name])
    read = {name for node in proto.graph.node for name in node.input}
    inputs = [each for each in proto.graph.input if each.name in read]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    return proto.graph


def _put_before(graph: GraphProto, before: GraphProto) -> None:
    """Put `before` before the nodes of a graph, which computes some of the same, and reads what that computes."""
    made = {name for node in before.node for name in node.output}
    known = {*made, *(each.name for each in before.input)}
    held = {each.name for each in before.initializer}
    nodes = [*before.node, *(node for node in graph.node if not made & set(node.output))]
    inputs = [*before.input, *(each for each in graph.input if each.name not in known)]
    weights = [*before.initializer, *(each for each in graph.initializer if each.name not in held)]
    del graph.node[:], graph.input[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(weights)


def _folded(axes: Sequence[int], norm: bool, n: Nodes, value: str) -> str:
    """Emit one number for all elements along `axes`, as `folded` computes it."""
    if not norm:
        return n("ReduceSum", value, integers(*axes), keepdims=0)
    wide = n("Cast", value, to=DOUBLE)
    return n("Cast", n("Sqrt", n("ReduceSum", n("Mul", wide, wide), integers(*axes), keepdims=0)), to=FLOAT)
