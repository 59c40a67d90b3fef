"""Bars of long work: on a terminal only, and only after a moment."""

from __future__ import annotations

from typing import Any

AFTER = 2.0
"""Seconds before a bar appears."""


def progress(what: str, total: int, unit: str) -> Any:
    """A bar on standard error, as a context with `update(n)`; nothing where standard error is no terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=unit, disable=None, delay=AFTER, leave=False)
