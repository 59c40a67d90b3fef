"""Signals that end the process: it tidies up first, as it does on Ctrl-C."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPPED, TERMINATED = 130, 143
"""Exit codes that shells give for the signals SIGINT and SIGTERM: 128 and the number of the signal."""


class TerminatedError(KeyboardInterrupt):
    """The process was asked to end by SIGTERM. What tidies up on Ctrl-C does so here."""


@contextmanager
def tidying_up() -> Iterator[None]:
    """Raise TerminatedError on SIGTERM in what is called meanwhile; a second SIGTERM ends the process at once.

    Where the process ignores the signal, or another handler is set, or in a thread, it is left as it is.
    """
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    try:
        signal.signal(signal.SIGTERM, _end)
    except ValueError:  # only the main thread may set a handler
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise TerminatedError
