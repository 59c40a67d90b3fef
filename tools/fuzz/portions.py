"""Portions: a hundred mutants for each child. A child that dies is replaced, and what killed it is recorded."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from children import Child

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
            with self._child(left) as child:
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
                raise SystemExit(f"the child ended early:\n{child.error}")
            if not last:
                raise SystemExit(f"the child did not start:\n{child.error}")
            if last.get("phase") == "theirs" and not left[0].endswith("!"):
                left[0] += "!"  # onnxruntime itself died of the untouched file: what do we make of it?
                continue
            left.pop(0)
            yield _killed(last, died, child.error)

    def _child(self, indices: Sequence[str]) -> Child:
        """Return a child for these mutants, whose clock starts again with whatever it says."""
        numbers = self.seed, self.limits.cpu, self.limits.memory
        command = [sys.executable, "-X", "faulthandler", CHILD, self.corpus, *numbers, self.planted, *indices]
        return Child(command, self.limits.clock)


def _killed(last: dict[str, Any], died: str, error: str) -> dict[str, Any]:
    """Return the verdict on a mutant that killed its child. last: what the child said of it."""
    memory = "bad_alloc" in error or "MemoryError" in error or died == "SIGKILL"
    kind = "hang" if died in ("SIGXCPU", "clock") else "memory" if memory else "crash"
    frames = [line.strip() for line in error.splitlines() if "/onnxplain/" in line]
    where = frames[0] if frames else ""
    about = {name: last.get(name, "") for name in ("index", "base", "kinds")}
    return about | {"kind": kind, "where": f"{died} in {last.get('phase')} {where}".strip(), "says": error[-300:]}
