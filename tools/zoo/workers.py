"""Children that make or check files, a portion each. One that dies or takes too long is replaced by another."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHILD = Path(__file__).parent / "child.py"
PACKAGE_ROOT = CHILD.parents[2]


@dataclass(frozen=True)
class Limits:
    """What one file may take: seconds on the clock, and megabytes of memory."""

    clock: float = 240.0
    memory: int = 12000


@dataclass(frozen=True)
class Task:
    """What the children are told. what: "make" or "check". python: the interpreter that runs them."""

    what: str
    folder: Path
    python: str
    limits: Limits

    def done(self, names: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield what became of each file; children are started until all are done."""
        left = list(names)
        while left:
            with _Child(self, left) as child:
                begun = False
                for said in child.lines():
                    begun = True
                    if "kind" in said:
                        left.remove(said["name"])
                        yield said
                died = child.died()
            if died is None and not left:
                return
            if not begun:
                raise SystemExit(f"the child did not start:\n{child.error}")
            if left:
                yield _killed(left.pop(0), died or "an early end", child)


def _killed(name: str, died: str, child: _Child) -> dict[str, Any]:
    """Return what became of a file that killed its child."""
    if died in ("clock", "SIGKILL") or "bad_alloc" in child.error or "MemoryError" in child.error:
        limit = "time" if died == "clock" else "memory"
        return {"name": name, "kind": "timeout", "reason": f"over the limit of {limit} in {child.phase}"}
    last = child.error.strip().splitlines()[-1:] or [""]
    return {"name": name, "kind": "wrong", "reason": f"the process died of {died} in {child.phase}: {last[0][:200]}"}


class _Child:
    """A child, and what it says."""

    def __init__(self, task: Task, names: Sequence[str]) -> None:
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._clock, self._late, self.error, self.phase = task.limits.clock, False, "", "begin"
        path = os.pathsep.join([str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self._process = subprocess.Popen(
            [task.python, "-X", "faulthandler", CHILD, task.what, task.folder, str(task.limits.memory), *names],
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
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

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says until it ends, or spends too long on one file."""
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
                    self.phase = said.get("phase", self.phase)
                    start = monotonic() if said.get("phase") == "begin" else start
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
