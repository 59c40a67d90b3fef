"""What a method asks of an engine, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book
    from onnxplain.walk.objective import Objective


@dataclass(frozen=True)
class WalkRequest:
    """One walk over some rows.

    feeds: arrays by input name. baseline: the same for the baseline, where the plan's rules compare with one.
    book: the accounts to keep, where they are asked for.
    """

    plan: Plan
    objective: Objective
    feeds: Mapping[str, Array]
    baseline: Mapping[str, Array] | None = None
    book: Book | None = None


@dataclass(frozen=True)
class WalkResult:
    """What a walk gives, rows first.

    arrived: the message at the root, the value that is attributed to. start: the seed that the walk started from.
    chosen: class index of each row. scores: all scores [N, C]. value, x: values at the target and at the root;
    value0, x0: the same for the baseline, None for a plan without one.
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
    """Runs one canonical graph forward, and walks plans of it backward.

    rows_that_fit: how many rows go through a walk at once, by the memory that their values take.
    busy_rows: how many rows keep the device busy in a forward run; more at once gain nothing.
    """

    rows_that_fit: int
    busy_rows: int

    @property
    def providers(self) -> tuple[str, ...]:
        """Names of onnxruntime's execution providers, or of the evaluator, that ran the forward."""

    def walk(self, request: WalkRequest) -> WalkResult:
        """Run forward, and walk from the target back to the root."""

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Return values of a forward run alone, by name."""
