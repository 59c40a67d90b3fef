"""A crew of workers, wherever they live: who is free gets the next task, and who dies is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from onnxplain.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.runs.attempts import Attempts, Task
    from onnxplain.runs.worker import Answer

STARTS = 3
"""So many workers in a row may die while they begin, before the run ends with an error."""


class Hands(Protocol):
    """Where workers live: how one is begun, asked, and ended."""

    def start(self) -> Any:
        """Return a new worker, which need not be ready yet."""

    def ask(self, worker: Any, task: Task | None) -> Any:
        """Give a worker a task, or None so that it makes itself ready, and return what stands for its answer."""

    def first(self, asked: Sequence[Any]) -> Sequence[Any]:
        """Wait until at least one of the answers is there, and return those that are."""

    def answer(self, asked: Any) -> Answer | Exception | None:
        """Return an answer that is there, the error that was raised, or None where the worker died."""

    def end(self, worker: Any) -> None:
        """End a worker, whatever it does: what it writes is whole or not there."""


def work(hands: Hands, attempts: Attempts, count: int, done: Callable[[Answer], object]) -> None:
    """Do all tasks by so many workers. done: is told what became of each.

    An error that a worker raises is raised here. Raises BadInputError where workers die before they are ready. In any
    case all workers have ended afterwards.
    """
    busy: dict[Any, tuple[Any, Task | None]] = {}
    idle: list[Any] = []
    alive: list[Any] = []
    lost = 0

    def ask(worker: Any, task: Task | None) -> None:
        busy[hands.ask(worker, task)] = worker, task

    try:
        while attempts.waiting or any(task is not None for _, task in busy.values()):
            while idle and attempts.waiting:
                ask(idle.pop(), attempts.next())
            for _ in range(min(count - len(alive), attempts.waiting)):
                alive.append(hands.start())
                ask(alive[-1], None)
            for asked in hands.first(list(busy)):
                (worker, task), answer = busy.pop(asked), hands.answer(asked)
                if isinstance(answer, Exception):
                    raise answer
                lost = lost + 1 if task is None and answer is None else 0
                if lost == STARTS:
                    raise BadInputError(f"{STARTS} workers in a row died while they began; can they read the model?")
                if answer is None:
                    hands.end(worker)
                    alive.remove(worker)
                else:
                    idle.append(worker)
                _note(attempts, task, answer, done)
    finally:
        for worker in alive:
            hands.end(worker)


def _note(attempts: Attempts, task: Task | None, answer: Answer | None, done: Callable[[Answer], object]) -> None:
    """Take note of what became of a task."""
    if task is None:
        return
    if answer is None:
        attempts.died(task)
    else:
        attempts.done(task)
        done(answer)
