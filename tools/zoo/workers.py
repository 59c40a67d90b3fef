"""Children that make or check files, a portion each. One that dies or takes too long is replaced by another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from children import Child

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
            with self._child(left) as child:
                phase = ""
                for said in child.lines():
                    phase = said.get("phase", phase)
                    if "kind" in said:
                        left.remove(said["name"])
                        yield said
                died = child.died()
            if died is None and not left:
                return
            if not phase:
                raise SystemExit(f"the child did not start:\n{child.error}")
            if left:
                yield _killed(left.pop(0), phase, died or "an early end", child.error)

    def _child(self, names: Sequence[str]) -> Child:
        """Return a child for these files, whose clock starts again with each of them."""
        path = os.pathsep.join([str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        return Child(
            [self.python, "-X", "faulthandler", CHILD, self.what, self.folder, self.limits.memory, *names],
            self.limits.clock,
            lambda said: said.get("phase") == "begin",
            {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )


def _killed(name: str, phase: str, died: str, error: str) -> dict[str, Any]:
    """Return what became of a file that killed its child in this phase. error: what the child wrote on stderr."""
    if died in ("clock", "SIGKILL") or "bad_alloc" in error or "MemoryError" in error:
        limit = "time" if died == "clock" else "memory"
        return {"name": name, "kind": "timeout", "reason": f"over the limit of {limit} in {phase}"}
    last = error.strip().splitlines()[-1:] or [""]
    return {"name": name, "kind": "wrong", "reason": f"the process died of {died} in {phase}: {last[0][:200]}"}
