"""Results that stay: one for each name or number, in a file of JSON lines, so that a run can go on where it stopped."""

from __future__ import annotations

import contextlib
import json
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class KeptLines:
    """The last result of each. path: the file, None for a run that keeps nothing. key: what a result is found by.

    Each line is written behind the end of the one before, so that a line which an interrupted run has not finished
    spoils none but itself.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self.found: dict[Any, dict[str, Any]] = {}
        self._path, self._key, self._lock = path, key, Lock()
        for line in path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):  # not finished, or empty
                each = json.loads(line)
                self.found[each[key]] = each

    def add(self, result: dict[str, Any]) -> None:
        """Keep a result."""
        with self._lock:
            self.found[result[self._key]] = result
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(f"\n{json.dumps(result)}")
