"""The network that a plan is made for: its nodes in order, and what lies before and behind each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.plan.bound import Bound
    from onnxplain.plan.recurrence import Recurrence


@dataclass(frozen=True)
class Network:
    """The bound nodes between the explained input and the target, in order of execution.

    A node that mixes features by weights, a convolution or a matrix product, is called a mixing node here.
    """

    nodes: Sequence[Bound]

    @cached_property
    def first(self) -> frozenset[str]:
        """Outputs of the mixing nodes that have no mixing node before them."""
        return frozenset(node.output for node in self.nodes if node.op.mixes and self.early(node))

    def early(self, node: Bound) -> bool:
        """Whether no mixing node lies before this one."""
        return not self._before[node.output]

    @cached_property
    def last(self) -> frozenset[str]:
        """Outputs of the mixing nodes that have no mixing node behind them."""
        behind = {name for node in self.nodes if node.op.mixes for name in self.upstream(node.output)}
        return frozenset(node.output for node in self.nodes if node.op.mixes and node.output not in behind)

    def upstream(self, value: str) -> set[str]:
        """Return the values that `value` depends on, itself left out unless it depends on itself at an earlier step."""
        found: set[str] = set()
        front = [value]
        while front:
            name = front.pop()
            made = self._makers.get(name)
            arriving = [made.inputs[i] for i in made.operands] if made else []
            fresh = {*arriving, *self._same(name)} - found
            found |= fresh
            front += fresh
        return found

    def feeding(self, node: Bound, position: int, passing: Callable[[Bound], bool]) -> tuple[Bound, ...]:
        """Return the nodes that make the input at `position`, nearest first.

        The search goes on through the nodes for which `passing` holds, and ends with the first one that it does not; it
        stays within a recurrence, and outside of the others.
        """
        path, made = [], self._makers.get(node.inputs[position])
        while made is not None:
            path.append(made)
            made = self._makers.get(made.inputs[made.operands[0]]) if passing(made) else None
        return tuple(path)

    @cached_property
    def _makers(self) -> dict[str, Bound]:
        """For each value, the node that makes it."""
        return {node.output: node for node in self.nodes}

    @cached_property
    def _loops(self) -> list[Recurrence]:
        """The recurrences that nodes lie within."""
        return [loop for loop, _ in groupby(node.loop for node in self.nodes) if loop is not None]

    @cached_property
    def _sources(self) -> dict[str, list[str]]:
        """For each value that passes into a recurrence, out of it or from step to step, what it is there."""
        found: dict[str, list[str]] = {}
        for loop in self._loops:
            for name, source in loop.passages:
                found.setdefault(name, []).append(source)
        return found

    def _same(self, name: str) -> list[str]:
        return self._sources.get(name, [])

    @cached_property
    def _before(self) -> dict[str, bool]:
        """For each value, whether a mixing node lies before the node that makes it, at whatever step."""
        mixed: set[str] = set()
        before: dict[str, bool] = {}
        while True:
            count = len(mixed)
            for node in self.nodes:
                names = [node.inputs[i] for i in node.operands]
                before[node.output] = any(not mixed.isdisjoint((name, *self._same(name))) for name in names)
                if before[node.output] or node.op.mixes:
                    mixed.add(node.output)
            if not self._loops or len(mixed) == count:
                return before
