"""Settings of onnxruntime's sessions: on which execution providers a model runs, and on how many threads."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxplain import checks
from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Provider: TypeAlias = str | tuple[str, dict[str, Any]]
"""An execution provider of onnxruntime: its name, alone or with its options."""


@dataclass(frozen=True)
class Settings:
    """How the sessions of a model are opened.

    providers: names of onnxruntime's execution providers, each alone or with a dict of its options, the first choice
    first; None for those of the engine. threads: how many an operator may use; None for as many as there are cores.
    spinning: whether these threads wait for work in a loop while a session runs, which is quicker for one caller who
    has all cores alone, and takes them from everybody else.
    """

    providers: tuple[Provider, ...] | None = None
    threads: int | None = None
    spinning: bool = True

    @classmethod
    def of(cls, providers: Sequence[Provider] | str | None, threads: int | None, known: Sequence[str]) -> Settings:
        """Return settings that are checked. known: the providers that this onnxruntime has.

        Raises UsageError for a provider that it does not have, and for a number of threads that is none.
        """
        if threads is not None:
            checks.whole(threads=threads)
        if providers is None:
            return cls(None, threads)
        given = (providers,) if isinstance(providers, str) else tuple(providers)
        for each in given:
            name = each if isinstance(each, str) else each[0]
            if name not in known:
                raise UsageError(f"provider {name!r}: this onnxruntime has {', '.join(map(repr, known))}")
        if not given:
            raise UsageError(f"providers={providers!r}: name at least one of {', '.join(map(repr, known))}")
        return cls(given, threads)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the providers that were asked for."""
        return tuple(each if isinstance(each, str) else each[0] for each in self.providers or ())

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Open the sessions that are opened meanwhile with these settings."""
        token = _HELD.set(self)
        try:
            yield
        finally:
            _HELD.reset(token)


def held() -> Settings:
    """Return the settings that hold now: by default those of the engine, on all cores."""
    return _HELD.get(_DEFAULT)


_HELD: ContextVar[Settings] = ContextVar("settings")
_DEFAULT = Settings()
