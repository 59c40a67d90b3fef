"""Signals that end the process: it tidies up first, as it does on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer, main_thread
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPPED, TERMINATED = 130, 143
"""Exit codes that shells give for the signals SIGINT and SIGTERM: 128 and the number of the signal."""

_AGAIN = 0.05
"""Seconds after which a signal comes again whose exception was lost."""


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end by SIGTERM. What tidies up on Ctrl-C does so here."""


@contextmanager
def tidying_up() -> Iterator[None]:
    """Raise TerminatedError on SIGTERM in what is called meanwhile; a second SIGTERM ends the process at once.

    Where the process ignores the signal, or another handler is set, or in a thread, it is left as it is.

    An exception gets lost that is raised in a callback, such as one of a weak reference while a module is imported: the
    signal then comes again. A library may make an error of its own of it, which TerminatedError replaces, or go on as
    if nothing had been: then TerminatedError is raised at the end, and `was_asked` tells it before.
    """
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    asked = _Asked()
    try:
        signal.signal(signal.SIGTERM, asked.end)
    except ValueError:  # only the main thread may set a handler
        yield
        return
    before, sys.unraisablehook = sys.unraisablehook, asked.lost
    token = _ASKED.set(asked)
    try:
        yield
    except Exception as problem:
        if asked.seen:
            raise TerminatedError from problem
        raise
    else:
        if asked.seen:
            raise TerminatedError
    finally:
        _ASKED.reset(token)
        sys.unraisablehook = before
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def was_asked() -> bool:
    """Return whether the process was asked to end since `tidying_up` began."""
    asked = _ASKED.get()
    return asked is not None and asked.seen


class _Asked:
    """Whether the process was asked to end, and what it does then."""

    def __init__(self) -> None:
        self.seen = False
        self._hook = sys.unraisablehook

    def end(self, number: int, frame: object) -> NoReturn:  # noqa: ARG002
        """Raise TerminatedError, once."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.seen = True
        raise TerminatedError

    def lost(self, told: sys.UnraisableHookArgs) -> None:
        """Have a signal come again whose exception could not be raised further; tell of any other as before."""
        if not isinstance(told.exc_value, KeyboardInterrupt):
            self._hook(told)
            return
        number = signal.SIGINT
        if isinstance(told.exc_value, TerminatedError):
            number = signal.SIGTERM
            signal.signal(number, self.end)
        again = Timer(_AGAIN, _send, [number])
        again.daemon = True
        again.start()


_ASKED: ContextVar[_Asked | None] = ContextVar("what asks the process to end", default=None)


def _send(number: int) -> None:
    """Send a signal to the main thread of this process, which handles it even where it waits for something."""
    if os.name == "posix":
        signal.pthread_kill(main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)
