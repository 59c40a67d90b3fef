"""Results that stay: what became of each file, in JSON lines, by name and by what the verdict rests on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "onnxplain"
LIBRARIES = ("onnx", "onnxruntime", "numpy", "onnx-graphsurgeon")
JUDGES = ("checks.py", "table_checks.py", "verdict.py")


def versions() -> dict[str, str]:
    """Return the versions of what a check rests on."""
    found = {}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def state() -> str:
    """Return a hash of the package's sources, of the judge's, and of the versions."""
    sources = [*sorted(PACKAGE.rglob("*.py")), *(HERE / name for name in JUDGES)]
    digest = hashlib.sha256(json.dumps(versions()).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """The last result of each file. state: that of the sources and versions now."""

    def __init__(self, path: Path, current: str) -> None:
        self.state = current
        self.found: dict[str, dict[str, Any]] = {}
        self._path, self._lock = path, Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):  # a line that an interrupted run has not finished
                each = json.loads(line)
                self.found[each["name"]] = each

    def add(self, result: dict[str, Any]) -> None:
        """Keep a result."""
        with self._lock:
            self.found[result["name"]] = result
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")

    def known(self, name: str) -> bool:
        """Whether a file was checked in this state."""
        return self.found.get(name, {}).get("state") == self.state
