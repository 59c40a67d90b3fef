"""Forward graph and walk as one ONNX model: the plan is walked once over traced values, and the nodes that this emits
are put behind those of the graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.passes import apart
from onnxplain.rules import describe
from onnxplain.walk.objective import seed_at
from onnxplain.walk.tape import Tape
from onnxplain.walk.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.shapes import Shape
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.objective import Formula

ATTRIBUTION, TARGET, SEED, EXPLAINED = (
    "explain/attribution",
    "explain/target",
    "explain/seed",
    "explain/explained",
)
STILL = "explain/baseline/"
"""Before the name of a value: its twin on the baseline's tape, an input of the joint model."""

_INT64 = onnx.TensorProto.INT64
_FLOAT = onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class Task:
    """What is to be traced.

    seed: what gives it, and TARGET is an input; or None, and SEED is an input.
    baseline: whether the rules read a second tape. sizes: shapes of all values that they read.
    """

    graph: gs.Graph = field(repr=False)
    plan: Plan
    scores: str
    readout: Callable[..., Any]
    seed: Formula | None
    baseline: bool
    sizes: Mapping[str, Shape] = field(repr=False)


@dataclass(frozen=True)
class Joint:
    """A model with the output ATTRIBUTION and, where TARGET is an input, SEED and EXPLAINED, the class index.

    proto: only names the large weights; weights: their values, which the graph shares; reads: values of the
    baseline's tape that are inputs.
    """

    proto: onnx.ModelProto = field(repr=False)
    weights: Mapping[str, Array] = field(repr=False)
    reads: tuple[str, ...]


def join(task: Task) -> Joint:
    """Trace the walk. Raises BatchSizeNeededError where a fact needs a number that `task.sizes` has as a symbol."""
    first = _with_rows(task)
    symbol = first.shape[0] if first.shape and isinstance(first.shape[0], str) else "N"
    emitter = Emitter(first.name, symbol)
    xp = TracedNamespace(emitter)
    constants = _constants(task.graph, emitter)
    tape = Tape(_values(task, emitter, constants), constants)
    still = Tape(_values(task, emitter, constants, STILL), constants) if task.baseline else None
    start, inputs, outputs = _start(task, xp, tape)
    steps = tuple((node, _scoped(rule, node.name, emitter)) for node, rule in task.plan.steps)
    arrived = walk(xp, replace(task.plan, steps=steps), start, tape, still)
    emitter.scope = "explain/readout"
    root = task.plan.root
    arrived = xp.broadcast_like(arrived, tape.like(root))
    outputs[ATTRIBUTION] = task.readout(tape[root], still and still[root], arrived)
    proto, weights = apart(task.graph)
    _assemble(proto, task, emitter, inputs, outputs)
    # what is emitted may look behind a value that a rule read, so the nodes say what they take
    taken = sorted({name for node in proto.graph.node for name in node.input if name.startswith(STILL)})
    proto.graph.input.extend(onnx.helper.make_tensor_value_info(name, _FLOAT, None) for name in taken)
    return Joint(proto, weights, tuple(name.removeprefix(STILL) for name in taken))


def _with_rows(task: Task) -> gs.Variable:
    """An input that tells the number of rows."""
    grows = (each for each in task.graph.inputs if any(isinstance(n, Rows) for n in task.sizes.get(each.name, ())[:1]))
    return next(grows, task.graph.inputs[0])


def _constants(graph: gs.Graph, emitter: Emitter) -> dict[str, Traced]:
    """The graph's own constants: what is emitted refers to them by name."""

    def traced(value: gs.Constant) -> Traced:
        alone = value.values.ndim == 0 and value.values.dtype.kind == "f"
        number = float(value.values.item()) if alone else None
        return Traced(emitter, value.name, tuple(value.shape), "Constant", number=number)

    return {name: traced(value) for name, value in graph.tensors().items() if isinstance(value, gs.Constant)}


def _values(task: Task, emitter: Emitter, constants: Mapping[str, Traced], prefix: str = "") -> dict[str, Traced]:
    """Every value of the graph, with the node that makes it."""

    def value(name: str, *made_by: Any) -> Traced:
        return Traced(emitter, prefix + name, task.sizes.get(name, ()), *made_by)

    values = {each.name: value(each.name) for each in task.graph.inputs}
    for node in task.graph.nodes:
        sources = tuple(values.get(each.name) or constants.get(each.name) for each in node.inputs)
        for i, each in enumerate(node.outputs):
            values[each.name] = value(each.name, node.op, sources, node.attrs) if i == 0 else value(each.name)
    return values


def _scoped(rule: Callable[..., Any], node: str, emitter: Emitter) -> Callable[..., Any]:
    """The rule, with what it emits named after it and its node."""

    def scoped(site: Any, message: Any) -> Any:
        emitter.scope = f"explain/{describe(rule)} @ {node}"
        return rule(site, message)

    return scoped


def _start(task: Task, xp: TracedNamespace, tape: Tape) -> tuple[Traced, list[onnx.ValueInfoProto], dict[str, Traced]]:
    """The seed, the input that says it, and the outputs that tell what it was."""
    scores, like = tape[task.scores], tape.like(task.plan.target)
    emitter = scores.emitter
    if task.seed is None:
        return Traced(emitter, SEED, like.shape), [onnx.helper.make_tensor_value_info(SEED, _FLOAT, None)], {}
    emitter.scope = "explain/seed"
    scores = xp.reshape(scores, (scores.shape[0], -1))
    batch, classes = scores.shape
    given = Traced(emitter, TARGET, (batch,))
    predicted = emitter.emit("ArgMax", scores, shape=(batch,), axis=1, keepdims=0)
    unset = emitter.emit("Less", given, xp.const(np.array(0)), shape=(batch,))
    index = emitter.emit("Where", unset, predicted, given, shape=(batch,))
    ends = xp.const(np.array([0, 1], np.float32))
    chosen = emitter.emit("OneHot", index, emitter.extents((classes,)), ends, shape=scores.shape)

    def odds(x: Traced, alone: bool) -> Traced:
        return xp.sigmoid(x) if alone else emitter.emit("Softmax", x, shape=x.shape, axis=1)

    seed = seed_at(task.seed, scores, chosen, odds, lambda x: xp.sum(x, (1,)))
    info = onnx.helper.make_tensor_value_info(TARGET, _INT64, [batch if isinstance(batch, int) else emitter.batch])
    return xp.reshape_like(seed, like), [info], {EXPLAINED: index, SEED: seed}


def _assemble(
    model: onnx.ModelProto,
    task: Task,
    emitter: Emitter,
    inputs: list[onnx.ValueInfoProto],
    outputs: Mapping[str, Traced],
) -> None:
    """Add the emitted nodes to the graph's model, and `outputs` under their names."""
    first = _with_rows(task).name
    _name_batch(next(each for each in model.graph.input if each.name == first), emitter.batch)
    scores = emitter.sizes(task.sizes[task.scores])
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(task.scores, _FLOAT, scores))
    model.graph.MergeFrom(emitter.needed(value.name for value in outputs.values()))
    for name, value in outputs.items():
        model.graph.node.append(onnx.helper.make_node("Identity", [value.name], [name], name=name))
        kind = _INT64 if name == EXPLAINED else _FLOAT
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, emitter.sizes(value.shape)))
    model.graph.input.extend(inputs)


def _name_batch(info: onnx.ValueInfoProto, symbol: str) -> None:
    """Give a first dimension without a name one, that the shapes of the messages can refer to."""
    sizes = info.type.tensor_type.shape.dim
    if len(sizes) and sizes[0].WhichOneof("value") is None:
        sizes[0].dim_param = symbol
