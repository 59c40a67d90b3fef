"""A worker as a crew asks it: what it raises is its answer, and where memory is short, it dies."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxplain.runs.attempts import Task
    from onnxplain.runs.worker import Answer, Recipe, Worker


class Member:
    """A worker that is made when it is first asked."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._worker: Worker | None = None

    def do(self, task: Task | None) -> Answer | Exception:
        """Return what became of a task, or the error that was raised. None: it only makes itself ready."""
        try:
            return self._done(task)
        except MemoryError:
            os._exit(1)  # others may have to share the memory with what is left of this one
        except Exception as problem:  # noqa: BLE001
            return problem if _comes_back(problem) else RuntimeError(f"{type(problem).__name__}: {problem}")

    def _done(self, task: Task | None) -> Answer:
        from onnxplain.graph.runtime import keep_silent
        from onnxplain.runs.worker import Answer

        if self._worker is None:
            keep_silent()
            self._worker = self._recipe.made()
        return Answer(0, ()) if task is None else self._worker(task)


def _comes_back(problem: Any) -> bool:
    """Whether an error can be sent to another process."""
    try:
        pickle.loads(pickle.dumps(problem))  # noqa: S301
    except Exception:  # noqa: BLE001
        return False
    return True
