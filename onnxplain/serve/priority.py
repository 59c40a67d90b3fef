"""Threads that compute leave the cores to the event loop, so that health is answered while all of them are busy."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import get_native_id

LESS = 5
"""By so much the niceness of a thread that computes is above that of the process."""
_MOST = 19


def step_back() -> None:
    """Let this thread, and those that it begins, such as onnxruntime's, have a core after all others of the process.

    Linux alone has a priority for each thread; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            mine = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, get_native_id(), min(mine + LESS, _MOST))
