"""Workers in processes of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from subprocess import PIPE, Popen, TimeoutExpired
from typing import TYPE_CHECKING, Any

from onnxplain.runs.member import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.runs.attempts import Task
    from onnxplain.runs.worker import Answer, Recipe

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from onnxplain.runs.local import serve; serve()"
"""What a process runs. It is begun anew, since onnxruntime's threads do not survive a fork, and without the script of
the user, which would run a second time."""
_MOMENT = 0.5
"""So many seconds a process has to end by itself."""


class Processes:
    """Hands in processes of this machine; see `onnxplain.runs.crew.Hands`. count: how many there are at most."""

    def __init__(self, recipe: Recipe, count: int) -> None:
        self._recipe = recipe
        self._threads = ThreadPoolExecutor(count)

    def start(self) -> _Process:
        """See `Hands`."""
        return _Process(self._recipe)

    def ask(self, worker: _Process, task: Task | None) -> Future[Any]:
        """See `Hands`. A thread waits for the answer."""
        return self._threads.submit(worker.ask, task)

    def first(self, asked: Sequence[Future[Any]]) -> Sequence[Future[Any]]:
        """See `Hands`."""
        return list(wait(asked, return_when=FIRST_COMPLETED).done)

    def answer(self, asked: Future[Any]) -> Answer | Exception | None:
        """See `Hands`."""
        found: Answer | Exception | None = asked.result()
        return found

    def end(self, worker: _Process) -> None:
        """See `Hands`."""
        worker.end()


class _Process:
    """A process with a worker in it. It has a session of its own, so that Ctrl-C reaches the one that asks alone."""

    def __init__(self, recipe: Recipe) -> None:
        command = [sys.executable, "-c", _CODE, *sys.path]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, start_new_session=True)  # noqa: S603
        self._send(recipe)

    def ask(self, task: Task | None) -> Any:
        """Return what became of a task, or the error that was raised; None where the process died."""
        self._send(task)
        try:
            return pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301  # what `serve` wrote
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            return None

    def end(self) -> None:
        """End it: it may remove the file that it writes, for a moment, and is killed then."""
        self._process.terminate()
        try:
            self._process.wait(_MOMENT)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _send(self, what: object) -> None:
        """Send something; where the process is dead, `ask` finds out."""
        pipe: Any = self._process.stdin
        with suppress(OSError, ValueError):
            pickle.dump(what, pipe)
            pipe.flush()


def _say(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say a warning in one line, without the line of code that Python would add."""
    print(f"onnxplain: warning: {message}", file=sys.stderr)  # noqa: T201


def serve() -> None:
    """Do tasks in this process, which are read from stdin behind the recipe, until nobody asks any more."""
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints to stderr
    warnings.showwarning = _say
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with suppress(EOFError):  # nobody asks any more
        member = Member(pickle.load(tasks))  # noqa: S301  # what the process that asks has written
        while True:
            answers.write(pickle.dumps(member.do(pickle.load(tasks))))  # noqa: S301
            answers.flush()
