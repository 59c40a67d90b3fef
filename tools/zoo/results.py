"""Results that stay: what became of each file, in JSON lines, by name and by what the verdict rests on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kept_lines import KeptLines

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "onnxplain"
LIBRARIES = ("onnx", "onnxruntime", "numpy", "onnx-graphsurgeon")
JUDGES = ("checks.py", "near.py", "table_checks.py", "verdict.py")


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


class Results(KeptLines):
    """The last result of each file, with the day on which it was found. state: that of the sources and versions now."""

    def __init__(self, path: Path, current: str) -> None:
        super().__init__(path, "name")
        self.state = current

    def add(self, result: dict[str, Any]) -> None:
        """Keep a result."""
        super().add(result | {"day": datetime.now(UTC).date().isoformat()})

    def known(self, name: str) -> bool:
        """Whether a file was checked in this state."""
        return self.found.get(name, {}).get("state") == self.state
