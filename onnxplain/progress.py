"""Progress bars of long work. They appear on a terminal only, and only where the work takes more than a moment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NoReturn

from onnxplain import stopping

if TYPE_CHECKING:
    from tqdm import tqdm

AFTER = 2.0
"""How many seconds the work takes before its bar appears."""


def progress(what: str, total: int | None, unit: str) -> tqdm[NoReturn]:
    """Return a progress bar on stderr, a context manager with `update(n)`.

    It shows nothing where stderr is no terminal, where the package's logger is set to errors alone, as `-q` does, and
    where the work can be stopped from another thread: whoever waits for it is not at this terminal.
    what: its title. total: how many units of work there are, None where that is not known. unit: what one is called.
    """
    from tqdm import tqdm

    quiet = stopping.held() is not None or not logging.getLogger("onnxplain").isEnabledFor(logging.WARNING)
    return tqdm(total=total, desc=what, unit=unit, disable=quiet or None, delay=AFTER, leave=False)
