"""Memory that was freed goes back to the system, where the allocator would keep it for the process.

The allocator of glibc keeps what was freed below something that is still in use, for each thread apart: what opening a
session of onnxruntime took meanwhile, up to as much again as the weights. Other allocators need no help.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any


def give_back() -> None:
    """Give back what was freed. To look through a large heap takes a few milliseconds."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:
    """Return glibc's function for it, None where there is none. It runs without Python's lock."""
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
