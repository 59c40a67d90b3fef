"""What is known of the request that is being answered: its line in the log says it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Noted:
    """What the parts of the service know of one request.

    model: the name of the model that was asked. method: that of the explanation, or "predict". rows: how many were
    answered. code: of the refusal. left: whether the client left before it had its whole answer.
    """

    model: str | None = None
    method: str | None = None
    rows: int | None = None
    code: str | None = None
    left: bool = False


_NOTED: ContextVar[Noted] = ContextVar("what is known of the request")


def begin() -> Noted:
    """Return the empty notes on a request that begins; what is called in its context writes to them."""
    found = Noted()
    _NOTED.set(found)
    return found


def noted() -> Noted:
    """Return the notes on the request that is being answered; outside of one, notes that nobody reads."""
    return _NOTED.get(None) or Noted()
