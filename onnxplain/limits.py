"""Limits on what a file may ask for, so that a small file cannot fill the memory or run for ever.

They hold while a model is loaded and while inputs are read. A file that is meant to exceed one is read by raising it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from time import monotonic
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, UsageError
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Limits:
    """What a file may ask for at most.

    nodes: how many nodes a model has, those of its subgraphs counted, and those of a function for each of its calls.
    file_bytes: of a model, its external data counted once for each weight that refers to it.
    constant_bytes: of an array that a model computes from constants alone, which loading computes; folded_bytes: of all
    such arrays together. value_bytes: of a value inside the model, for one row, as far as the file states its size.
    array_bytes: of an array in an .npy or .npz, unpacked. batch_bytes: of the values of the rows that go through a walk
    together; more rows go one chunk after another. walk_bytes: of the values that the walk of one row has in memory at
    once; where they would take more, its forward run is repeated in segments. pixels: of a picture. seconds: how long
    loading may take.

    Raises UsageError for a value that is no number above 0.
    """

    nodes: int = 100_000
    file_bytes: int = 2**35
    constant_bytes: int = 2**30
    folded_bytes: int = 2**32
    value_bytes: int = 2**33
    array_bytes: int = 2**33
    batch_bytes: int = 2**29
    walk_bytes: int = 2**32
    pixels: int = 2**27
    seconds: float = 600

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise UsageError(f"limit {each.name}={value!r}: expected a number above 0")

    @classmethod
    def of(cls, given: Limits | Mapping[str, Any] | None) -> Limits:
        """Return limits from a dict of those that differ from the defaults. Raises UsageError for an unknown name."""
        if given is None or isinstance(given, Limits):
            return given or cls()
        if not isinstance(given, Mapping):
            raise UsageError(f"limits={given!r}: expected a dict such as {{'nodes': 200000}}")
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise UsageError(f"no limit is called {name!r}; {offer(name, known)}")
        return cls(**given)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let these limits hold in what is called meanwhile; the time of `seconds` starts now."""
        before = _HELD.set(_Held(self, monotonic() + self.seconds))
        try:
            yield
        finally:
            _HELD.reset(before)


@dataclass
class _Held:
    """The limits that hold, the time by which a load has to end, and what was spent so far, by what it was spent on."""

    limits: Limits
    end: float = float("inf")
    spent: Counter[str] = field(default_factory=Counter)


_HELD: ContextVar[_Held] = ContextVar("the limits that hold")


def held() -> Limits:
    """Return the limits that hold here: the defaults where none were set."""
    found = _HELD.get(None)
    return found.limits if found else _DEFAULT


def spend(name: str, amount: int) -> int:
    """Add to what was spent under this name since the limits were set, and return the total."""
    found = _HELD.get(None)
    if found is None:
        return amount
    found.spent[name] += amount
    return found.spent[name]


def check(name: str, value: float, what: str) -> None:
    """Raise BadInputError where `value` is above the limit of this name. what: names what has the value, with it."""
    most = getattr(held(), name)
    if value > most:
        raise BadInputError(f"{what}, more than the limit of {most:g} {_UNITS[name]}; {_raising(name, value)}")


def seconds_left() -> float:
    """Return for how long loading may go on; below 0 where its time is over, infinity where no limit was set."""
    found = _HELD.get(None)
    return found.end - monotonic() if found else float("inf")


def check_time(doing: str) -> None:
    """Raise BadInputError where loading has taken too long. doing: what it does now, such as "folding constants"."""
    if seconds_left() < 0:
        most = held().seconds
        raise BadInputError(
            f"loading the model takes more than the limit of {most:g} seconds, while {doing}; "
            + _raising("seconds", 2 * most)
        )


def _raising(name: str, value: float) -> str:
    value = math.ceil(min(value, _MOST))
    return f"if you trust the file, raise it: limits={{{name!r}: {value}}}, or --limit {name}={value}"


_MOST = 10**18
"""The largest value that a message offers as a limit."""
_DEFAULT = Limits()
_UNITS = {
    "nodes": "nodes",
    "pixels": "pixels",
    "seconds": "seconds",
    **dict.fromkeys((each.name for each in fields(Limits) if each.name.endswith("_bytes")), "bytes"),
}
