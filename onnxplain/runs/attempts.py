"""What is tried, and tried again, where workers die: a dead worker costs its shard only, and a deadly row itself alone.

A shard whose worker died is tried once more. Where that one dies too, its rows are tried, first by batches and then one
by one, without writing anything; a row that kills two workers is left out, and the shard is explained without it. So
its bytes are the same whoever finds out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.runs.job import Job

DEATHS = 2
"""So many workers may die of a shard, of a batch or of a row, before it is taken apart, or left out."""
ROUNDS = 3
"""So often is a shard taken apart, where its workers die and none of its rows is found to kill one."""


class Task(NamedTuple):
    """What a worker does: explain and write a shard without its killers, or only try the rows that are given."""

    shard: int
    rows: range | None = None
    killers: tuple[int, ...] = ()


@dataclass
class _Trouble:
    """A shard whose workers die. waiting: how many tasks have to end before it is known which rows kill."""

    rounds: int = 0
    waiting: int = 0
    killers: set[int] = field(default_factory=set)


class Attempts:
    """The tasks of a run in the order in which they are to be done.

    shards: the numbers of those to do. `done` and `died` say what became of a task, which may bring new ones.
    """

    def __init__(self, job: Job, shards: Iterable[int]) -> None:
        self._job = job
        self._todo = deque(Task(shard) for shard in shards)
        self._deaths: dict[Task, int] = {}
        self._troubles: dict[int, _Trouble] = {}

    @property
    def waiting(self) -> int:
        """How many tasks can be begun now. What is in work may bring more."""
        return len(self._todo)

    def next(self) -> Task:
        """Return a task that can be begun now. What is about a shard whose workers die goes first."""
        return self._todo.popleft()

    def done(self, task: Task) -> None:
        """Take note that a task was done."""
        self._deaths.pop(task, None)
        if task.rows is not None:
            self._settled(task.shard, self._troubles[task.shard])

    def died(self, task: Task) -> None:
        """Take note that the worker of a task died. Raises BadInputError where nothing is left to be tried."""
        self._deaths[task] = self._deaths.get(task, 0) + 1
        if self._deaths[task] < DEATHS:
            self._todo.appendleft(task)
            return
        del self._deaths[task]
        trouble = self._troubles.setdefault(task.shard, _Trouble())
        if task.rows is None:
            trouble.rounds += 1
            if trouble.rounds > ROUNDS:
                raise BadInputError(
                    f"shard {task.shard}: workers die of it, and of none of its rows alone; give them more memory, or "
                    "a smaller batch_size"
                )
            self._take_apart(self._job.rows_of(task.shard), self._job.batch_size, task.shard, trouble)
            return
        if len(task.rows) > 1:
            self._take_apart(task.rows, 1, task.shard, trouble)
        else:
            trouble.killers.add(task.rows.start)
        self._settled(task.shard, trouble)

    def _take_apart(self, rows: range, size: int, shard: int, trouble: _Trouble) -> None:
        """Ask for the rows of a shard, so many at a time."""
        parts = [range(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)]
        known = tuple(sorted(trouble.killers))
        self._todo.extendleft(Task(shard, part, known) for part in parts)
        trouble.waiting += len(parts)

    def _settled(self, shard: int, trouble: _Trouble) -> None:
        """Take note that one of the tasks about a shard's rows has ended; after the last one it is explained anew."""
        trouble.waiting -= 1
        if trouble.waiting == 0:
            self._todo.appendleft(Task(shard, None, tuple(sorted(trouble.killers))))
