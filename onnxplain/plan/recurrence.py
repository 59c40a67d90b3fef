"""Recurrences: Scans, whose body is a graph of its own that runs once for each step of a sequence.

The nodes of a body stand in a plan one by one, each with its rule, as any other node does; they know the recurrence
that they lie within. A walk takes all of them together, step by step from the last to the first, and hands the message
at the states of a step on to the step before it.

The values of a body exist once for each step. So the Scan gives each value that a rule may read as an output too, with
the steps on the first axis: its tap. `passes.scans` adds the taps, and brings Scans to the form that is walked: steps
on the first axis, forward, and nothing captured from outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import onnx_graphsurgeon as gs

PLAIN = {"body", "num_scan_inputs"}
"""The attributes of a Scan in the form that is walked."""


class State(NamedTuple):
    """A value that passes from step to step, by the names of what it is at first, in a step before and after, at last.

    The first and the last lie outside of the body, the others inside.
    """

    first: str
    before: str
    after: str
    last: str


@dataclass(frozen=True)
class Recurrence:
    """A Scan, by the names of its values.

    states: those that pass from step to step. sequences: pairs of the whole sequence, outside, and one entry of it,
    inside. results: pairs of one entry, inside, and the whole sequence, outside. taps: by the name of a value inside,
    that of the sequence of its values, outside. steps: name of a sequence, outside, with an entry for each step.
    """

    name: str
    steps: str
    states: tuple[State, ...]
    sequences: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, str], ...]
    taps: Mapping[str, str] = field(repr=False)

    def carrying(self, active: Iterable[str], wanted: Iterable[str]) -> Recurrence:
        """Return the recurrence with those ends alone that messages pass: active values inside that are wanted."""
        active, wanted = set(active), set(wanted)
        return replace(
            self,
            states=tuple(s for s in self.states if s.before in active and {s.before, s.after} & wanted),
            sequences=tuple(pair for pair in self.sequences if pair[1] in active & wanted),
            results=tuple(pair for pair in self.results if pair[0] in active & wanted),
        )

    @property
    def outside(self) -> set[str]:
        """Names of the values outside that a walk reads for their shapes."""
        ends = {name for state in self.states for name in (state.first, state.last)}
        return ends | {self.steps} | {whole for whole, _ in self.sequences} | {whole for _, whole in self.results}

    @property
    def passages(self) -> list[tuple[str, str]]:
        """Pairs of a value and what it is on the other side, or was at the step before: where relevance passes on."""
        found = [*((each, whole) for whole, each in self.sequences), *((whole, each) for each, whole in self.results)]
        for state in self.states:
            found += [(state.before, state.first), (state.before, state.after), (state.last, state.after)]
        return found


def is_walkable(node: gs.Node) -> bool:
    """Whether a node is a Scan in the form that is walked."""
    return node.op == "Scan" and node.domain in (None, "", "ai.onnx") and node.attrs.keys() == PLAIN


def of_scan(node: gs.Node) -> Recurrence:
    """Return the recurrence of a Scan in the form that is walked."""
    body: gs.Graph = node.attrs["body"]
    count = len(node.inputs) - node.attrs["num_scan_inputs"]
    given, inner, made, inside = (
        [value.name for value in values] for values in (node.inputs, body.inputs, node.outputs, body.outputs)
    )
    states = tuple(map(State, given[:count], inner[:count], inside[:count], made[:count]))
    sequences = tuple(zip(given[count:], inner[count:], strict=True))
    results = tuple(zip(inside[count:], made[count:], strict=True))
    taps = {each: whole for whole, each in sequences} | dict(results)
    makers = {value.name: each for each in body.nodes for value in each.outputs}
    for each, whole in results:
        maker = makers.get(each)
        if maker is not None and maker.op == "Identity":
            taps.setdefault(maker.inputs[0].name, whole)
    return Recurrence(node.name, given[count], states, sequences, results, taps)


def within(
    body: gs.Graph, loop: Recurrence, spread: Callable[[gs.Graph, set[str]], set[str]], outside: set[str]
) -> set[str]:
    """Return the values of a body that depend on the values `outside`, at whatever step.

    spread: returns the values of a graph that depend on some of its own.
    """
    roots = {each for whole, each in loop.sequences if whole in outside}
    roots |= {state.before for state in loop.states if state.first in outside}
    while True:
        found = spread(body, roots)
        more = {state.before for state in loop.states if state.after in found} - roots
        if not more:
            return found
        roots |= more
