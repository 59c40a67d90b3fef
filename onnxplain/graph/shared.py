"""What the explainers of one model share, so that a second one need not make it again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

MOST = 8
"""How many things are kept that no explainer uses any more."""

MEMORY = 2 * 2**30
"""Bytes that these may take together. The last one that was asked for is kept whatever it takes."""


class _Kept(NamedTuple):
    value: Any
    nbytes: int


class Shared:
    """Things by key, such as compiled programs. All that is in use is found here, and so are the last few others.

    A method that is asked for again, or several in turn, are then compiled once, while many methods one after another
    do not fill the memory. Nothing of it is pickled: a copy of the model in another process makes its own.
    """

    def __init__(self) -> None:
        self._used: WeakValueDictionary[Any, Any] = WeakValueDictionary()
        self._kept: OrderedDict[Any, _Kept] = OrderedDict()

    def get(self, key: Any) -> Any:
        """Return what is kept under `key`, or None."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key].value
        return self._used.get(key)

    def put(self, key: Any, value: Any, nbytes: int = 0) -> None:
        """Keep `value`, which takes `nbytes` of memory, under `key`; what has not been asked for longest goes first."""
        self._used[key] = value
        self._kept[key] = _Kept(value, nbytes)
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and (len(self._kept) > MOST or self._nbytes() > MEMORY):
            self._kept.popitem(last=False)

    def _nbytes(self) -> int:
        return sum(each.nbytes for each in self._kept.values())

    def __reduce__(self) -> tuple[type[Shared], tuple[()]]:
        return Shared, ()
