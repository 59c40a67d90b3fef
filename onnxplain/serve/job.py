"""A job: what one request has computed, by whom it is awaited, and whether it still is."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from onnxplain.stopping import Stop

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence


SOME = 8
"""Results that are handed out at once, for each is encoded and sent then, which takes its time."""


def _awaited() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class Job:
    """What one request has computed.

    content: what the lane that it waits in computes from. rows: how many it has. joins: jobs of a lane with equal
    values may be computed together; None for one that has to be computed alone. most: rows of several such jobs that it
    pays to compute together. future: awaits the result, in the loop in which the job was made.
    """

    content: Any
    rows: int = 1
    joins: Hashable = None
    most: int = 1
    future: asyncio.Future[Any] = field(default_factory=_awaited)
    born: float = field(default_factory=monotonic)
    left: bool = False
    group: Group | None = None

    def leave(self) -> None:
        """Say that nobody waits for the result any more; a computation for nobody stops."""
        self.left = True
        if self.group is not None:
            self.group.check()


def hand_out(jobs: Iterable[Job], results: Iterable[Any]) -> None:
    """Hand each job its result, or an exception in the place of one, to whoever waits for it; from any thread.

    All results that one loop waits for are handed to it at once, for to wake it is what takes the longest.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Any]]] = {}
    for job, result in zip(jobs, results, strict=True):
        by_loop.setdefault(job.future.get_loop(), []).append((job, result))
    for loop, pairs in by_loop.items():
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, loop, pairs)


def _settle(loop: asyncio.AbstractEventLoop, pairs: Sequence[tuple[Job, Any]]) -> None:
    """Hand out the first results now, and the others when the loop has looked whether somebody else wants something."""
    if pairs[SOME:]:
        loop.call_soon(_settle, loop, pairs[SOME:])
    for job, result in pairs[:SOME]:
        if job.future.done():  # who waited has left
            continue
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)


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
