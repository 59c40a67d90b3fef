"""A job: what one request has computed, by whom it is awaited, and whether it still is."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from onnxplain.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


@dataclass(eq=False)
class Job:
    """What one request has computed.

    content: what the lane that it waits in computes from. rows: how many it has. joins: jobs of a lane with equal
    values may be computed together; None for one that has to be computed alone.
    """

    content: Any
    rows: int = 1
    joins: Hashable = None
    future: Future[Any] = field(default_factory=Future)
    born: float = field(default_factory=monotonic)
    left: bool = False
    group: Group | None = None

    def leave(self) -> None:
        """Say that nobody waits for the result any more; a computation for nobody stops."""
        self.left = True
        if self.group is not None:
            self.group.check()

    def done(self, result: Any) -> None:
        """Hand the result to who waits."""
        with suppress(InvalidStateError):  # who waited has left
            self.future.set_result(result)

    def failed(self, problem: BaseException) -> None:
        """Hand an error to who waits."""
        with suppress(InvalidStateError):
            self.future.set_exception(problem)


class Group:
    """Jobs that are computed together, which stop when nobody waits for any of them."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs, self.stop = jobs, Stop()
        for job in jobs:
            job.group = self
        self.check()  # one may have left before it knew its group

    def check(self) -> None:
        """Stop where all have left."""
        if all(job.left for job in self.jobs):
            self.stop.set()
