"""Several processes of the service behind one port: each has models of its own, and one that dies is replaced."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from socket import socket
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from threading import Thread, Timer
from typing import TYPE_CHECKING, Any, TypeAlias

from prometheus_client.multiprocess import mark_process_dead

from onnxplain.errors import OnnxplainError, UsageError
from onnxplain.serve.process import HANDLED, end_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from onnxplain.serve.workers import work; work()"
"""What a process runs. It is begun anew, since onnxruntime's threads do not survive a fork."""
_METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client knows the folder where processes add up their counts."""
_LONGEST = 60.0
"""Seconds at most until a process that failed to begin is begun once more."""

Job: TypeAlias = "Callable[[socket, Callable[[], object]], object]"
"""What a process does: it serves at a socket until SIGTERM, and calls the function when it is ready."""


class Workers:
    """Keeps a number of processes that do the same job at one socket.

    The job is pickled. Counts of prometheus_client are added up over the processes.
    """

    def __init__(self, job: Job, listener: socket, count: int) -> None:
        if os.name != "posix":
            raise UsageError("--workers: several processes share a port on POSIX systems only; start one")
        self._job, self._listener, self._count = job, listener, count
        self._events: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._there: list[_Worker] = []
        self._announced = self._ending = False
        self._failures = 0
        self._problem: BaseException | None = None

    def run(self, ready: Callable[[], object]) -> None:
        """Begin the processes, and return when all have ended after SIGTERM or Ctrl-C; a second one ends them at once.

        ready: called once, when all are ready. Raises the error of a process that ends before.
        """
        self._ready = ready
        with _counted() as self._folder, self._signals():
            for _ in range(self._count):
                self._start()
            try:
                while self._there or not self._ending:
                    self._events.get()()
            finally:
                self._kill()
        if self._problem is not None:
            raise self._problem

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self._signalled) for each in HANDLED}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _signalled(self, number: int, frame: object) -> None:  # noqa: ARG002
        self._events.put(partial(self._end, number))  # which may be done while the queue is read

    def _start(self) -> None:
        if not self._ending:
            worker = _Worker(self._job, self._listener, self._folder)
            self._there.append(worker)
            Thread(target=self._follow, args=(worker,), daemon=True).start()

    def _follow(self, worker: _Worker) -> None:
        """Tell the main thread what becomes of a process."""
        answer = worker.answer()
        self._events.put(partial(self._answered, worker, answer))
        code = worker.wait()
        self._events.put(partial(self._ended, worker, code))

    def _answered(self, worker: _Worker, answer: object) -> None:
        worker.ready = answer is True
        worker.problem = answer if isinstance(answer, OnnxplainError) else None
        if not self._announced and not self._ending and all(each.ready for each in self._there):
            self._announced = True
            self._ready()

    def _ended(self, worker: _Worker, code: int) -> None:
        """Begin another process in the place of one that ended by itself; where none was ever ready, give up."""
        self._there.remove(worker)
        if self._ending:
            return
        if not self._announced:
            self._problem = worker.problem or _death(code)
            self._end()
            return
        mark_process_dead(worker.pid, self._folder)  # type: ignore[no-untyped-call]
        _log.warning("a process of the service ended (%s); another one takes its place", worker.problem or _said(code))
        self._failures = 0 if worker.ready else self._failures + 1
        later = Timer(min(2.0**self._failures - 1, _LONGEST), self._events.put, [self._start])
        later.daemon = True
        later.start()

    def _end(self, number: int | None = None) -> None:
        """Let the processes answer what they accepted, and end; at the second signal, end at once."""
        if self._ending and number is not None:
            self._kill()
            end_at_once(number)
        self._ending = True
        self._listener.close()
        for each in self._there:
            each.terminate()

    def _kill(self) -> None:
        for each in self._there:
            each.kill()


class _Worker:
    """A process that does a job. It has a session of its own, so that Ctrl-C reaches only the one that began it.

    ready: whether it has said so. problem: the error that it ended with, if it was one of this package.
    """

    def __init__(self, job: Job, listener: socket, folder: str) -> None:
        number = listener.fileno()
        self._process = Popen(  # noqa: S603
            [sys.executable, "-c", _CODE, *sys.path],
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[number],
            start_new_session=True,
            env={**os.environ, _METRICS: folder},
        )
        self.pid, self.ready = self._process.pid, False
        self.problem: OnnxplainError | None = None
        pipe: Any = self._process.stdin
        with suppress(OSError):  # it is dead, which is noticed later
            pickle.dump((number, job), pipe)
            pipe.flush()

    def answer(self) -> object:
        """Wait for what it says: True where it is ready, the error where it is not; None where it died."""
        try:
            return pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301  # what `work` wrote
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            return None

    def wait(self) -> int:
        """Wait until it has ended; return its exit code, below 0 for that of a signal."""
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def work() -> None:
    """Do the job that is read from stdin, in this process; end where the process that gave it dies."""
    given, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints, prints to stderr
    number, job = pickle.load(given)  # noqa: S301  # what `_Worker` wrote
    Thread(target=_end_with, args=(given.fileno(),), daemon=True).start()
    try:
        job(socket(fileno=number), partial(_say, answers, True))
    except OnnxplainError as problem:
        _say(answers, problem)
        sys.exit(problem.exit_code)


def _say(answers: Any, answer: object) -> None:
    with suppress(OSError):  # nobody listens any more
        pickle.dump(answer, answers)
        answers.flush()


def _end_with(number: int) -> None:
    """End this process, as SIGTERM does, when whoever writes to a pipe is gone."""
    while os.read(number, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _counted() -> Iterator[str]:
    """Give the folder where processes add up their counts, which goes with them unless the user has named it."""
    given = os.environ.get(_METRICS)
    with nullcontext(given) if given else TemporaryDirectory(prefix="onnxplain-metrics-") as folder:
        yield folder


def _said(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"


def _death(code: int) -> BaseException:
    """Return what to raise where a process ended that was never ready, and did not say why."""
    if code == -signal.SIGKILL:
        return MemoryError("a process was killed while it loaded the models; fewer --workers need less")
    return SystemExit(code if code > 0 else 1)  # it has written a traceback
