"""Warnings of other libraries, caught by one thread at a time.

`warnings.catch_warnings` changes what holds for the whole process. Where two threads are within it at once, one of them
loses its filters, or takes back what the other one has set.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALONE = RLock()
_OWN = Path(__file__).parent


@contextmanager
def caught() -> Iterator[None]:
    """Let the filters that are set meanwhile hold until the end, while no other thread is within this."""
    with _ALONE, warnings.catch_warnings():
        yield


@contextmanager
def noted(library: str) -> Iterator[list[str]]:
    """Yield a list that has the first lines of a library's warnings at the end, each once.

    Warnings of other threads, which come meanwhile, are shown as ever and are not among them.
    """
    found: list[str] = []
    with _ALONE:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            yield found
        for each in told:
            parts = Path(each.filename).parts
            if library in parts or _OWN in Path(each.filename).parents:
                found.append(str(each.message).splitlines()[0])
            else:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    found[:] = dict.fromkeys(found)
