"""A child process that says what it does in lines of JSON, and is ended where it says too little for too long."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Said = dict[str, Any]


class Child:
    """A child, what it says, and what it died of.

    command: what is run, in a session of its own, so that its own children are ended with it. clock: seconds it may
    take. restarts: whether the clock starts again with a line that the child said; by default any line will do.
    environment: variables beside those of this process. error: the end of what it wrote on stderr, once it has died.
    """

    def __init__(
        self,
        command: Sequence[Any],
        clock: float,
        restarts: Callable[[Said], bool] = lambda _: True,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._clock, self._restarts, self._late, self.error = clock, restarts, False, ""
        self._process = subprocess.Popen(
            [str(each) for each in command],
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | (environment or {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        with self._process:  # which waits, and closes the channel
            self._stderr.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def lines(self) -> Iterator[Said]:
        """Yield what it says until it ends, or its time is up."""
        assert self._process.stdout is not None  # noqa: S101
        channel, rest, start = self._process.stdout, b"", monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while monotonic() - start < self._clock:
                if not selector.select(timeout=1.0):
                    continue
                data = os.read(channel.fileno(), 65536)
                if not data:
                    return
                *complete, rest = (rest + data).split(b"\n")
                for said in map(json.loads, complete):
                    if self._restarts(said):
                        start = monotonic()
                    yield said
        self._late = True

    def died(self) -> str | None:
        """Return the name of the signal that killed it, "clock" where it took too long, or None where it ended well."""
        if self._late:
            self._kill()
        code = self._process.wait()
        self._stderr.seek(0)
        self.error = self._stderr.read()[-6000:]
        if self._late:
            return "clock"
        return signal.Signals(-code).name if code < 0 else f"exit {code}" if code else None
