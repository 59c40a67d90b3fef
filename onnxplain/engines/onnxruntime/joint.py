"""The forward run and the walk as one ONNX model.

The plan is walked once over traced values. That emits the nodes of the walk, which are put behind those of the graph.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import Rows
from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.graph.needed import keep_needed
from onnxplain.graph.tensors import numpy_dtype
from onnxplain.passes import detach_weights
from onnxplain.passes.export import constants_of
from onnxplain.passes.scans import prune
from onnxplain.plan.plan import Step
from onnxplain.rules.rule import Rule, describe
from onnxplain.walk.seed import seed_at
from onnxplain.walk.tape import Tape
from onnxplain.walk.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import onnx_graphsurgeon as gs

    from onnxplain.arrays import Array
    from onnxplain.engines.onnxruntime.shapes import Shape
    from onnxplain.plan.plan import Plan
    from onnxplain.rules.rule import Messages
    from onnxplain.walk.seed import SeedSpec
    from onnxplain.walk.site import Site

    Readout = Callable[[Traced, Traced | None, Traced], Traced]

WALK = "explain/"
"""The names of what a walk adds to a graph begin with this: of its nodes, values and constants."""

ATTRIBUTION = "explain/attribution"
"""The output that holds the attribution, or the message that arrives at the root."""

TARGET = "explain/target"
"""The input that holds the class index of each row, below 0 for the predicted class."""

SEED = "explain/seed"
"""The seed: an output where TARGET is an input, else an input."""

EXPLAINED = "explain/explained"
"""The output that holds the class index that was explained in each row."""

BASELINE = "explain/baseline/"
"""Prefix of a value's name: the input that holds the same value of the forward run on the baseline."""

_INT64 = onnx.TensorProto.INT64
_FLOAT = onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class TraceSpec:
    """What to trace: the walk of `plan` over `graph`, in which the value `scores` holds the scores.

    seed: how the seed follows from the scores and the class index of each row, which is then the input TARGET. Where it
    is None, the seed itself is the input SEED.
    sizes: shapes of the inputs and of all values that the rules read.
    baseline: whether the rules compare with a baseline, so that values of it are inputs too.
    readout: makes the attribution from three traced values: x at the root, x of the baseline or None, and the message
    that arrives. Where `readout` is None, the message is the attribution. value: the name of another value that it
    takes for x. kept: names of values of the graph that somebody reads besides.
    detail: a second plan with its read-out, by which the seed is walked too; the attribution is then the product of
    both.
    """

    graph: gs.Graph = field(repr=False)
    plan: Plan
    scores: str
    seed: SeedSpec | None
    sizes: Mapping[str, Shape] = field(repr=False)
    _: KW_ONLY
    baseline: bool
    readout: Readout | None = None
    value: str = ""
    kept: tuple[str, ...] = ()
    detail: tuple[Plan, Readout] | None = None


@dataclass(frozen=True)
class ForwardBackwardModel:
    """A model that runs forward and walks backward.

    Its outputs are the scores, ATTRIBUTION and, where TARGET is an input, SEED and EXPLAINED.
    proto: the model, in which the large weights are only named. weights: the values of these, shared with the graph.
    reads: names of the baseline's values that are inputs; the inputs have BASELINE before these names.
    shapes: of the values that the rules read and that the walk computes, as it was traced.
    """

    proto: onnx.ModelProto = field(repr=False)
    weights: Mapping[str, Array] = field(repr=False)
    reads: tuple[str, ...]
    shapes: Mapping[str, Shape] = field(repr=False)


def join(spec: TraceSpec) -> ForwardBackwardModel:
    """Trace the walk, and put the nodes that it emits behind those of the graph.

    Raises BatchSizeNeededError where a fact needs the number of rows, which `spec.sizes` states as a symbol.
    """
    first = _with_rows(spec)
    symbol = first.shape[0] if first.shape and isinstance(first.shape[0], str) else "N"
    emitter = Emitter(first.name, symbol)
    xp = TracedNamespace(emitter)
    constants = _constants(spec.graph, emitter)
    tape = Tape(_values(spec, emitter, constants), constants)
    baseline = Tape(_values(spec, emitter, constants, BASELINE), constants) if spec.baseline else None
    start, inputs, outputs = _start(spec, xp, tape)
    arrived = _walk(xp, spec.plan, start, tape, baseline)
    root, readout = spec.plan.root, spec.readout
    x0 = None if baseline is None else baseline[root]
    made = arrived if readout is None else readout(tape[spec.value or root], x0, arrived)
    if spec.detail is not None:
        plan, read = spec.detail
        made = made * read(tape[plan.root], None, _walk(xp, plan, start, tape))
    outputs[ATTRIBUTION] = made
    proto, weights = detach_weights(spec.graph)
    _assemble(proto, spec, emitter, inputs, outputs)
    keep_needed(proto, [root, *spec.kept])
    prune(proto.graph, spec.plan.root, *spec.kept)
    # a simplified expression may use a value that no rule has read, so the inputs are found in the nodes themselves
    taken = sorted({name for node in proto.graph.node for name in node.input if name.startswith(BASELINE)})
    reads = tuple(name.removeprefix(BASELINE) for name in taken)
    tensors = spec.graph.tensors()
    kinds = [onnx.helper.np_dtype_to_tensor_dtype(numpy_dtype(tensors[name]) or np.dtype("f")) for name in reads]
    proto.graph.input.extend(map(onnx.helper.make_tensor_value_info, taken, kinds, [None] * len(taken)))
    return ForwardBackwardModel(proto, weights, reads, {**spec.sizes, **emitter.shapes()})


def _with_rows(spec: TraceSpec) -> gs.Variable:
    """Return an input whose first axis is the rows, or else the first input."""
    grows = (each for each in spec.graph.inputs if any(isinstance(n, Rows) for n in spec.sizes.get(each.name, ())[:1]))
    return next(grows, spec.graph.inputs[0])


def _constants(graph: gs.Graph, emitter: Emitter) -> dict[str, Traced]:
    """Return the graph's constants as traced values, to which the emitted nodes refer by name."""

    def traced(name: str, value: Array) -> Traced:
        number = float(value.item()) if value.ndim == 0 and value.dtype.kind == "f" else None
        return Traced(emitter, name, value.shape, "Constant", number=number)

    emitter.weights = constants_of(graph)
    return {name: traced(name, value) for name, value in emitter.weights.items()}


def _values(spec: TraceSpec, emitter: Emitter, constants: Mapping[str, Traced], prefix: str = "") -> dict[str, Traced]:
    """Return every value of the graph as a traced value that knows the node which makes it.

    prefix: put before the names, for the same values of the baseline.
    """

    def value(name: str, *made_by: Any) -> Traced:
        return Traced(emitter, prefix + name, spec.sizes.get(name, ()), *made_by)

    values = {each.name: value(each.name) for each in spec.graph.inputs}
    for node in spec.graph.nodes:
        sources = tuple(values.get(each.name) or constants.get(each.name) for each in node.inputs)
        for i, each in enumerate(node.outputs):
            values[each.name] = value(each.name, node.op, sources, node.attrs) if i == 0 else value(each.name)
    return values


def _walk(xp: TracedNamespace, plan: Plan, start: Traced, tape: Tape, baseline: Tape | None = None) -> Traced:
    """Return the message that arrives at the root, in its shape. What is emitted then belongs to the read-out."""
    emitter = start.emitter
    steps = tuple(Step(node, _Scoped(rule, node.name, emitter)) for node, rule in plan.steps)
    arrived = walk(xp, replace(plan, steps=steps), start, tape, baseline)
    emitter.scope = "explain/readout"
    return xp.broadcast_like(arrived, tape.like(plan.root))


@dataclass(frozen=True)
class _Scoped(Rule):
    """A rule that has the nodes which it emits named after itself and after the node that is walked."""

    rule: Rule
    node: str
    emitter: Emitter

    def __call__(self, site: Site, message: Traced, /) -> Messages:
        self.emitter.scope = f"explain/{describe(self.rule)} @ {self.node}"
        return self.rule(site, message)


def _start(
    spec: TraceSpec, xp: TracedNamespace, tape: Tape
) -> tuple[Traced, list[onnx.ValueInfoProto], dict[str, Traced]]:
    """Return the seed, the input that it is or is made from, and the outputs that report it by name."""
    scores, like = tape[spec.scores], tape.like(spec.plan.target)
    emitter = scores.emitter
    if spec.seed is None:
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

    def odds(x: Traced, independent: bool) -> Traced:
        return xp.sigmoid(x) if independent else emitter.emit("Softmax", x, shape=x.shape, axis=1)

    seed = seed_at(spec.seed, scores, chosen, odds, lambda x: xp.sum(x, (1,)))
    info = onnx.helper.make_tensor_value_info(TARGET, _INT64, [batch if isinstance(batch, int) else emitter.batch])
    return xp.reshape_like(seed, like), [info], {EXPLAINED: index, SEED: seed}


def _assemble(
    model: onnx.ModelProto,
    spec: TraceSpec,
    emitter: Emitter,
    inputs: list[onnx.ValueInfoProto],
    outputs: Mapping[str, Traced],
) -> None:
    """Add the emitted nodes to the graph's model, and the values `outputs` as its outputs of these names."""
    first = _with_rows(spec).name
    _name_batch(next(each for each in model.graph.input if each.name == first), emitter.batch)
    scores = emitter.sizes(spec.sizes[spec.scores])
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(spec.scores, _FLOAT, scores))
    model.graph.MergeFrom(emitter.needed(value.name for value in outputs.values()))
    for name, value in outputs.items():
        model.graph.node.append(onnx.helper.make_node("Identity", [value.name], [name], name=name))
        kind = _INT64 if name == EXPLAINED else _FLOAT
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, emitter.sizes(value.shape)))
    model.graph.input.extend(inputs)


def _name_batch(info: onnx.ValueInfoProto, symbol: str) -> None:
    """Name the first dimension `symbol` where it has neither name nor length; shapes of messages refer to that name."""
    sizes = info.type.tensor_type.shape.dim
    if len(sizes) and sizes[0].WhichOneof("value") is None:
        sizes[0].dim_param = symbol
