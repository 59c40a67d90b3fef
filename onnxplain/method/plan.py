"""A plan: node -> rule, resolved once, before anything runs. It prints as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onnxplain.rules import describe
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.ops.bind import Bound


@dataclass(frozen=True)
class Plan:
    """Each node between `root` and `target`, in order of execution, with the rule that walks it."""

    root: str
    target: str
    steps: tuple[tuple[Bound, Callable[..., Any]], ...]

    @property
    def values(self) -> set[str]:
        """Names of the values that a walk may ask for, constants of the graph among them."""
        names = {name for node, _ in self.steps for name in (*node.inputs, *node.arrays.values(), node.output)}
        return (names | {self.root, self.target}) - {""}

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Node name, op, family and rule of each step."""
        return [(node.name, node.op.name, str(node.family), describe(rule)) for node, rule in self.steps]

    def __str__(self) -> str:
        return columns(self.rows())
