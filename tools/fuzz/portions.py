"""Portions: a hundred mutants for each child. A child that dies is replaced, and what killed it is recorded."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORTION = 100
CHILD = Path(__file__).parent / "child.py"


@dataclass(frozen=True)
class Limits:
    """What one mutant may use: CPU time and time on the clock in seconds, memory in megabytes."""

    cpu: int = 10
    clock: float = 60.0
    memory: int = 4096


@dataclass(frozen=True)
class Run:
    """What the children of a run are told. planted: a Python file that each of them runs first, or an empty text."""

    corpus: Path
    seed: int
    limits: Limits
    planted: str = ""

    def judged(self, indices: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield the verdict on each mutant, a dict; children are started until all are judged."""
        left = [str(index) for index in indices]
        while left:
            last: dict[str, Any] = {}
            with _Child(self, left) as child:
                for said in child.lines():
                    last |= said
                    if "kind" in said:
                        left.pop(0)
                        last = {}
                        yield said
                died = child.died()
            if not left or (not last and died is None):
                continue
            if died is None:  # it ended before it was done, and says so on stderr
                raise SystemExit(f"the child ended early:\n{child.error()}")
            if not last:
                raise SystemExit(f"the child did not start:\n{child.error()}")
            if last.get("phase") == "theirs" and not left[0].endswith("!"):
                left[0] += "!"  # onnxruntime itself died of the untouched file: what do we make of it?
                continue
            left.pop(0)
            yield _killed(last, died, child.error())


def _killed(last: dict[str, Any], died: str, error: str) -> dict[str, Any]:
    """Return the verdict on a mutant that killed its child. last: what the child said of it."""
    memory = "bad_alloc" in error or "MemoryError" in error or died == "SIGKILL"
    kind = "hang" if died in ("SIGXCPU", "clock") else "memory" if memory else "crash"
    frames = [line.strip() for line in error.splitlines() if "/onnxplain/" in line]
    where = frames[0] if frames else ""
    about = {name: last.get(name, "") for name in ("index", "base", "kinds")}
    return about | {"kind": kind, "where": f"{died} in {last.get('phase')} {where}".strip(), "says": error[-300:]}


class _Child:
    """A child, and what it says."""

    def __init__(self, run: Run, indices: Sequence[str]) -> None:
        limits = run.limits
        self._error = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        numbers = [str(each) for each in (run.seed, limits.cpu, limits.memory)]
        self._clock, self._late = limits.clock, False
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", CHILD, run.corpus, *numbers, run.planted, *indices],
            stdout=subprocess.PIPE,
            stderr=self._error,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        with self._process:  # which waits, and closes the channel
            self._error.close()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says until it ends, or says nothing for too long."""
        assert self._process.stdout is not None  # noqa: S101
        channel, rest, start = self._process.stdout, b"", monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while True:
                if not selector.select(timeout=1.0):
                    if monotonic() - start > self._clock:
                        self._late = True
                        return
                    continue
                data = os.read(channel.fileno(), 65536)
                if not data:
                    return
                start = monotonic()
                *complete, rest = (rest + data).split(b"\n")
                yield from map(json.loads, complete)

    def died(self) -> str | None:
        """Return the name of the signal that killed it, "clock" where it took too long, or None where it ended."""
        if self._late:
            self._kill()
            return "clock"
        code = self._process.wait()
        self._text = self._read()
        if code < 0:
            return signal.Signals(-code).name
        return f"exit {code}" if code else None

    def error(self) -> str:
        """Return what it wrote on stderr."""
        return self._text if hasattr(self, "_text") else ""

    def _read(self) -> str:
        self._error.seek(0)
        return self._error.read()[-6000:]
