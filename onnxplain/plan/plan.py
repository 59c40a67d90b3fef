"""A plan: node -> rule, resolved once, before anything runs. It prints as a table."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.rules.rule import Rule, describe
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.arrays import Array
    from onnxplain.plan.bound import Bound
    from onnxplain.plan.recurrence import Recurrence


SHOWN = 8
"""How many rows of a plan are shown from its beginning and from its end, where it is shown and not printed."""


class Step(NamedTuple):
    """One node of a plan, and the rule that walks it."""

    node: Bound
    rule: Rule


@dataclass(frozen=True, repr=False)
class Plan:
    """Each node between the values `root` and `target`, in order of execution, with the rule that walks it."""

    root: str
    target: str
    steps: tuple[Step, ...]

    @property
    def values(self) -> set[str]:
        """Names of the values that a walk may ask for, constants of the graph among them."""
        names = {self.root, self.target}
        for node, _ in self.steps:
            own = {*node.inputs, *node.arrays.values(), node.output}
            names |= own if node.loop is None else {node.loop.taps.get(name, name) for name in own} | node.loop.outside
        return names - {""}

    def backward(self) -> Iterator[tuple[Recurrence | None, tuple[Step, ...]]]:
        """Yield the steps from the last to the first: one by one, and those within a recurrence together, in order."""
        for loop, group in groupby(reversed(self.steps), lambda step: step.node.loop):
            if loop is not None:
                yield loop, tuple(group)[::-1]
                continue
            for step in group:
                yield None, (step,)

    @cached_property
    def sized(self) -> tuple[str, ...]:
        """Names of the values that have to be known before a walk, and that are the same for all inputs of one size."""
        return tuple(sorted({name for node, _ in self.steps for name in node.sizes.values()}))

    def at_sizes(self, values: Mapping[str, Array]) -> Plan:
        """Return the plan for inputs of one size, for which the values `sized` are these."""
        if not self.sized:
            return self
        return replace(self, steps=tuple(Step(node.at_sizes(values), rule) for node, rule in self.steps))

    @cached_property
    def key(self) -> Hashable:
        """Equal for plans of one graph whose rules are equal, parameter by parameter."""
        return self.root, self.target, tuple((node.name, _key(rule)) for node, rule in self.steps)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return node name, op, family and rule of each step."""
        return [(node.name, node.op.name, str(node.family), describe(rule)) for node, rule in self.steps]

    @cached_property
    def _table(self) -> str:
        return columns(self.rows())  # of which the record of each row has a copy

    def __str__(self) -> str:
        return self._table

    def __repr__(self) -> str:
        """Return the first and the last rows of the table, and how many lie between."""
        lines, between = str(self).splitlines(), len(self.steps) - 2 * SHOWN
        return "\n".join(lines if between < 2 else [*lines[:SHOWN], f"... {between} more ...", *lines[-SHOWN:]])

    def _repr_html_(self) -> str:
        """Return the same as an HTML table, for notebooks."""
        rows, between = self.rows(), len(self.steps) - 2 * SHOWN
        shown = [_cells(row) for row in rows]
        if between > 1:
            shown = [*shown[:SHOWN], f'<td colspan="4">… {between} more …</td>', *shown[-SHOWN:]]
        heads = "".join(f"<th>{each}</th>" for each in ("node", "operator", "family", "rule"))
        return f"<table><tr>{heads}</tr>{''.join(f'<tr>{row}</tr>' for row in shown)}</table>"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the steps without the key, which may hold objects that are equal to nothing."""
        return {name: value for name, value in vars(self).items() if name != "key"}


def _cells(row: tuple[str, ...]) -> str:
    return "".join(f'<td style="text-align:left">{escape(each)}</td>' for each in row)


def _key(value: Any) -> Hashable:
    """Return a key that is equal for equal rules and parameters; what cannot be told equal is equal to nothing."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if is_dataclass(value):
        return type(value), *(_key(getattr(value, each.name)) for each in fields(value) if each.compare)
    if isinstance(value, (list, tuple)):
        return tuple(map(_key, value))
    return value if isinstance(value, Hashable) else object()
