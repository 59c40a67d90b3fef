"""Progress bars of long work. They appear on a terminal only, and only where the work takes more than a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm

AFTER = 2.0
"""How many seconds the work takes before its bar appears."""


def progress(what: str, total: int, unit: str) -> tqdm[NoReturn]:
    """Return a progress bar on stderr, a context manager with `update(n)`; it shows nothing where that is no terminal.

    what: its title. total: how many units of work there are. unit: what one is called.
    """
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=unit, disable=None, delay=AFTER, leave=False)
