"""Memory that was freed goes back to the system now and then.

The allocator of glibc keeps what each thread has freed for that thread, so that a process with many threads and large
arrays seems to grow for hours. Other allocators need no help.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from time import monotonic
from typing import Any

EVERY = 10.0
"""Seconds between two times: to look through a large heap takes a few milliseconds."""


class Keeper:
    """Gives back what was freed, when some time has passed since it last did so."""

    def __init__(self) -> None:
        self._due = monotonic() + EVERY

    def give_back(self) -> bool:
        """Give it back if it is time, and return whether it was."""
        now = monotonic()
        if now < self._due:
            return False
        self._due = now + EVERY
        trim = _malloc_trim()
        if trim is not None:
            trim(0)
        return True


@cache
def _malloc_trim() -> Any:
    """Return glibc's function for it, None where there is none. It runs without Python's lock."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
