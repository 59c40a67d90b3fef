"""The compiled explanation: forward graph and traced walk as one ONNX model, run by one onnxruntime session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.passes import export
from onnxplain.rules import describe
from onnxplain.run.tape import Tape
from onnxplain.run.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.engines.onnxruntime.shapes import Shape
    from onnxplain.method.plan import Plan

ATTRIBUTION, TARGET, SEED = "attribution", "target", "seed"
STILL = "baseline/"
"""Before the name of a value: its twin on the baseline's tape, an input of the joint model."""


@dataclass(frozen=True)
class Joint:
    """A model that computes scores and attribution. reads: the values of the baseline's tape that it takes as inputs."""

    proto: onnx.ModelProto = field(repr=False)
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What is to be traced. seed: its kind, or None where an input `seed` says it; sizes: shapes of all values."""

    graph: gs.Graph = field(repr=False)
    plan: Plan
    scores: str
    readout: Callable[..., Any]
    seed: str | None
    baseline: bool
    sizes: Mapping[str, Shape] = field(repr=False)


def join(task: Task) -> Joint:
    """Trace the walk and put its nodes behind those of the forward graph."""
    emitter = Emitter(task.graph.inputs[0].name)
    xp = TracedNamespace(emitter)
    constants = _constants(task.graph, emitter)
    tape = Tape(_values(task, emitter, constants), constants)
    still = Tape(_values(task, emitter, constants, STILL), constants) if task.baseline else None
    start, inputs, outputs = _start(task, xp, tape)
    plan = replace(task.plan, steps=tuple((node, _scoped(rule, node.name, emitter)) for node, rule in task.plan.steps))
    arrived = walk(xp, plan, start, tape, still)
    emitter.scope = "explain/readout"
    root = plan.root
    attribution = task.readout(tape[root], still and still[root], xp.broadcast(arrived, tape.like(root).shape))
    outputs[ATTRIBUTION] = attribution
    read = sorted(still.reads.values) if still else []
    inputs += [onnx.helper.make_tensor_value_info(STILL + name, onnx.TensorProto.FLOAT, None) for name in read]
    return Joint(_assemble(task, emitter, inputs, outputs), tuple(read))


def _constants(graph: gs.Graph, emitter: Emitter) -> dict[str, Traced]:
    """The graph's own constants, by name: what is emitted refers to them."""
    tensors = graph.tensors().items()
    return {name: _constant(value, emitter) for name, value in tensors if isinstance(value, gs.Constant)}


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


def _constant(value: gs.Constant, emitter: Emitter) -> Traced:
    number = float(value.values.item()) if value.values.ndim == 0 and value.values.dtype.kind == "f" else None
    return Traced(emitter, value.name, tuple(value.shape), "Constant", number=number)


def _scoped(rule: Callable[..., Any], node: str, emitter: Emitter) -> Callable[..., Any]:
    """The rule, with what it emits named after it and its node."""

    def named(site: Any, message: Any) -> Any:
        emitter.scope = f"explain/{describe(rule)} @ {node}"
        return rule(site, message)

    return named


def _start(task: Task, xp: TracedNamespace, tape: Tape) -> tuple[Traced, list[onnx.ValueInfoProto], dict[str, Traced]]:
    """The seed, the inputs that it needs, and the outputs that say what it is."""
    like, emitter = tape.like(task.plan.target), tape[task.scores].emitter
    if task.seed is None:
        info = onnx.helper.make_tensor_value_info(SEED, onnx.TensorProto.FLOAT, None)
        return Traced(emitter, SEED, like.shape), [info], {}
    emitter.scope = "explain/seed"
    rows = xp.reshape(tape[task.scores], (tape[task.scores].shape[0], -1))
    batch, classes = rows.shape
    given = Traced(emitter, TARGET, (batch,))
    predicted = emitter.emit("ArgMax", rows, shape=(batch,), axis=1, keepdims=0)
    unset = emitter.emit("Less", given, xp.const(np.array(0)), shape=(batch,))
    index = emitter.emit("Where", unset, predicted, given, shape=(batch,))
    ends = xp.const(np.array([0, 1], np.float32))
    chosen = emitter.emit("OneHot", index, emitter.integers([classes]), ends, shape=rows.shape)
    start = xp.reshape_like(_seed(task.seed, rows, chosen), like)
    info = onnx.helper.make_tensor_value_info(TARGET, onnx.TensorProto.INT64, ["N"])
    return start, [info], {"explained": index, SEED: start}


def _seed(kind: str, scores: Traced, chosen: Traced) -> Traced:
    if kind == "logit":
        return chosen * scores
    if kind == "probability":
        return chosen * scores.emitter.emit("Softmax", scores, shape=scores.shape, axis=1)
    return chosen


def _assemble(
    task: Task, emitter: Emitter, inputs: list[onnx.ValueInfoProto], outputs: Mapping[str, Traced]
) -> onnx.ModelProto:
    model = export(task.graph)
    model.graph.MergeFrom(emitter.needed(value.name for value in outputs.values()))
    model.graph.node.extend(
        onnx.helper.make_node("Identity", [value.name], [name], name=name) for name, value in outputs.items()
    )
    model.graph.input.extend(inputs)
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(
            name, onnx.TensorProto.INT64 if name == "explained" else onnx.TensorProto.FLOAT, None
        )
        for name in outputs
    )
    return model
