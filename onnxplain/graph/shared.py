"""What the explainers of one model share, so that another explainer need not make it again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST = 8
"""The number of values that are kept alive even where no explainer uses them any more."""

MEMORY = 2 * 2**30
"""The bytes that these may take together. The value that was asked for last is kept, however large it is."""


class _Kept(NamedTuple):
    value: Any
    nbytes: int


class Shared:
    """Values by key, such as compiled programs: all that some explainer still uses, and the last few others.

    So a method that is asked for again, or several methods in turn, are compiled once, while many methods one after
    another do not fill the memory. The values are not pickled: a copy of the model in another process makes its own.
    """

    def __init__(self) -> None:
        self._used: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any:
        """Return the value under `key`, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key].value
            return self._used.get(key)

    def put(self, key: Hashable, value: Any, nbytes: int = 0) -> None:
        """Keep `value`, which takes `nbytes` of memory, under `key`.

        Where there are too many values, or they take too much, those that were asked for longest ago are let go.
        """
        let_go = []  # destroyed without the lock: what closes with a value may take long
        with self._lock:
            self._used[key] = value
            self._kept[key] = _Kept(value, nbytes)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and (len(self._kept) > MOST or self._nbytes() > MEMORY):
                let_go.append(self._kept.popitem(last=False))

    def _nbytes(self) -> int:
        return sum(each.nbytes for each in self._kept.values())

    def __reduce__(self) -> tuple[type[Shared], tuple[()]]:
        return Shared, ()
