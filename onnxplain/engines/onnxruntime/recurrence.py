"""A walk back through a recurrence, traced: one step is the body of a Scan that runs from the last step to the first.

The body is complete in itself. It has constants of its own, and what it reads of the forward run are entries of the
sequences that the Scan is given.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from onnx import GraphProto, TensorProto, ValueInfoProto, helper

from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.walk.tape import StepTape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.engines.namespace import StepBack
    from onnxplain.walk.tape import Tape


class _Inside:
    """Values of the walk outside as they are at one step, inside: entries of sequences, and constants."""

    def __init__(self, outer: Emitter, inner: Emitter) -> None:
        self._outer, self._inner = outer, inner
        self.given: dict[str, Traced] = {}
        self._constants: dict[str, Traced] = {}

    def entry(self, sequence: Traced) -> Traced:
        """Return an entry of a sequence; the same one where it is asked for again."""
        if sequence.name not in self.given:
            name = f"{self._inner.scope}/at step/{sequence.name}"
            self.given[sequence.name] = Traced(self._inner, name, sequence.shape[1:])
        return self.given[sequence.name]

    def carried(self, i: int, whole: Traced) -> Traced:
        """Return what is carried in place i, which is `whole` at first."""
        return Traced(self._inner, f"{self._inner.scope}/carried {i}", whole.shape)

    def constant(self, value: Traced) -> Traced:
        """Return a constant of the graph, or of a body in it."""
        if value.name not in self._constants:
            self._constants[value.name] = self._inner.constant(self._outer.weights[value.name])
        return self._constants[value.name]


def scan_back(
    namespace: type[Any],
    outer: Emitter,
    step: StepBack,
    carried: Sequence[Traced],
    arriving: Sequence[Traced],
    tapes: Sequence[Tape],
    taps: Mapping[str, str],
    length: int,
) -> tuple[list[Traced], list[Traced]]:
    """See `Namespace.scan_back`; `namespace` makes that of an emitter."""
    inner = outer.inside()
    inside = _Inside(outer, inner)
    before = [inside.carried(i, each) for i, each in enumerate(carried)]
    entries = [inside.entry(each) for each in arriving]
    within = [StepTape(tape, taps, inside.entry, inside.constant) for tape in tapes]
    ends = step(namespace(inner), before, entries, within)
    made = [*ends[0], *ends[1]]
    results = [inner.copy(each, f"{inner.scope}/result {i}") for i, each in enumerate(made)]
    body = inner.needed(results)
    read = {name for node in body.node for name in node.input}
    sequences = {name: each for name, each in inside.given.items() if each.name in read}
    if not sequences:  # a Scan has at least one, which says how many steps there are
        sequences = dict([next(iter(inside.given.items()))])
    body.name = f"{inner.scope}/body"
    body.input.extend(ValueInfoProto(name=each.name) for each in (*before, *sequences.values()))
    sizes = (inner.sizes(each.shape) for each in made)  # onnxruntime wants to know at least how many axes there are
    body.output.extend(map(helper.make_tensor_value_info, results, repeat(TensorProto.FLOAT), sizes))
    inputs = [*(each.name for each in carried), *sequences]
    shapes = [*(each.shape for each in ends[0]), *((length, *each.shape) for each in ends[1])]
    outputs = _scan(outer, inner.scope, inputs, body, len(sequences), shapes)
    return outputs[: len(carried)], outputs[len(carried) :]


def _scan(
    outer: Emitter, name: str, inputs: list[str], body: GraphProto, sequences: int, shapes: list[tuple[Any, ...]]
) -> list[Traced]:
    """Emit the Scan, from the last step to the first; return its outputs, of these shapes."""
    carried = len(inputs) - sequences
    back, collected = [1] * sequences, [1] * (len(shapes) - carried)
    names = [f"{name}/{i}" for i in range(len(shapes))]
    attrs = {"scan_input_directions": back, **({"scan_output_directions": collected} if collected else {})}
    node = helper.make_node("Scan", inputs, names, name=name, body=body, num_scan_inputs=sequences, **attrs)
    return outer.several(node, shapes)
