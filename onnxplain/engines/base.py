"""What a method asks of an engine, and what the engine answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.patches.forward import PatchedForward
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book
    from onnxplain.walk.objective import Objective


@dataclass(frozen=True)
class WalkRequest:
    """A walk to do, over some rows of input.

    plan: the nodes to walk, each with its rule. objective: which number is explained, and so the seed.
    feeds: the model's inputs by name, rows first.
    baseline: the inputs by name with the baseline in the place of x, where the rules of the plan compare the two.
    book: where to account for the relevance at each node; None where nobody asks for that.
    """

    plan: Plan
    objective: Objective
    feeds: Mapping[str, Array]
    baseline: Mapping[str, Array] | None = None
    book: Book | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(next(iter(self.feeds.values())))


@dataclass(frozen=True)
class WalkResult:
    """The result of a walk, in arrays whose first axis is the rows.

    A walk goes from the plan's target, the value that is explained, back to its root, the value that is attributed to.
    arrived: the message at the root, in the shape of the root. start: the seed, the message that the walk began with.
    chosen: class index of each row. scores: the model's scores [N, C].
    value, x: the values at the target and at the root. value0, x0: the same for the baseline, or None.
    """

    arrived: Array
    start: Array
    chosen: Array
    scores: Array
    value: Array
    x: Array
    value0: Array | None = None
    x0: Array | None = None


class Engine(Protocol):
    """What runs one canonical graph (one that has been through the passes) forward, and walks plans of it backward.

    busy_rows: how many rows keep the device busy in a forward run, so that more at once would not be faster.
    """

    busy_rows: int

    def rows_that_fit(self, feeds: Mapping[str, Array]) -> int:
        """Return how many rows like those of `feeds` go through a walk at once.

        That follows from the memory that their values take and, on a CPU, from what its caches take.
        """

    @property
    def fallback(self) -> str | None:
        """Why the walk is done by another engine, in NumPy: what onnxruntime said; None where it is not."""

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of onnxruntime's execution providers, or of the evaluator, that do the forward run."""

    @property
    def patched(self) -> PatchedForward | None:
        """What runs rows that differ from one row within a box; None where this engine runs them as any others."""

    def walk(self, request: WalkRequest) -> WalkResult:
        """Run forward, and walk back from the target to the root."""

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Run forward only, and return the values of these names."""
