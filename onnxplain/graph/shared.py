"""What the explainers of one model share, so that a second one need not make it again."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary


class Shared:
    """Things by key. Each lives as long as someone else uses it, and the last one as long as the model.

    So one method asked for again and again is compiled once, and many methods in turn do not fill the memory.
    """

    def __init__(self) -> None:
        self._used: WeakValueDictionary[Any, Any] = WeakValueDictionary()
        self._last: Any = None

    def get(self, key: Any) -> Any:
        """What is kept under `key`, or None."""
        found = self._used.get(key)
        self._last = self._last if found is None else found
        return found

    def put(self, key: Any, value: Any) -> None:
        """Keep `value` under `key`."""
        self._used[key] = self._last = value
