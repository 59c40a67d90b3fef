"""Memory that was freed goes back to the system now and then.

The allocator of glibc keeps what each thread has freed for that thread, so that a process with many threads and large
arrays seems to grow for hours.
"""

from __future__ import annotations

from time import monotonic

from onnxplain import freed

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
        freed.give_back()
        return True
