"""Stopping a computation that runs in one thread from another thread.

A `Stop` is held in the thread that computes, and set from anywhere. The computation then raises `StoppedError` within a
step: before the next run of a session or the next node of a walk, and within a session that is running, which
onnxruntime ends between two of its nodes. Every loop over samples, masks, rows, channels or leaves consists of such
steps. What stops in the middle of a step leaves nothing behind: the same explainer gives the same bits afterwards.

A session that is being opened cannot be stopped, nor can one call of NumPy, SciPy or scikit-image: the stop takes
effect when they return.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class StoppedError(BaseException):
    """The computation was stopped, because nobody waits for it any more.

    It is a BaseException, as KeyboardInterrupt is: nothing that takes an exception for a failure of the model, of an
    input or of an engine may take this one.
    """


class Terminable(Protocol):
    """A run that ends soon after its flag is set: the RunOptions of onnxruntime."""

    terminate: bool


class Stop:
    """Ends what runs in the threads that hold it, once it is set. It cannot be unset."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._set = False
        self._runs: list[Terminable] = []

    def set(self) -> None:
        """Stop what runs now, and whatever begins later, in the threads that hold this stop; return at once."""
        with self._lock:
            self._set = True
            for run in self._runs:
                run.terminate = True

    def is_set(self) -> bool:
        """Return whether it was set."""
        return self._set

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let this stop, and no other one, end what this thread computes meanwhile."""
        token = _HELD.set(self)
        try:
            yield
        finally:
            _HELD.reset(token)

    @contextmanager
    def ending(self, run: Terminable) -> Iterator[None]:
        """Set the flag of a run where this stop is set meanwhile. Raises StoppedError where it is set already."""
        with self._lock:
            if self._set:
                raise StoppedError
            self._runs.append(run)
        try:
            yield
        finally:
            with self._lock:
                self._runs[:] = [each for each in self._runs if each is not run]


_HELD: ContextVar[Stop | None] = ContextVar("the stop that is held", default=None)


def held() -> Stop | None:
    """Return the stop that this thread holds; None where it holds none."""
    return _HELD.get()


def check() -> None:
    """Raise StoppedError where the stop that this thread holds is set."""
    stop = _HELD.get()
    if stop is not None and stop.is_set():
        raise StoppedError
