"""The layers around the application, in their order: what is refused by one is not seen by those within."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.serve.bounds import Bounds
from onnxplain.serve.hosts import HostGate
from onnxplain.serve.tokens import TokenGate
from onnxplain.serve.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.serve.asgi import App
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.observed import Observer
    from onnxplain.serve.tokens import Tokens


def guarded(
    app: App, limits: Limits, observer: Observer, tokens: Tokens | None = None, hosts: Iterable[str] | None = None
) -> App:
    """Return an application with its guards around it.

    From outside in: id, log and counts; the name by which it was asked; the token; bytes, seconds and leaving clients.
    No byte of a body is read of a request that lacks a token. tokens: None where none is needed. hosts: see `HostGate`.
    """
    inner: App = Bounds(app, limits)
    if tokens is not None:
        inner = TokenGate(inner, tokens)
    return Watch(HostGate(inner, hosts), observer)
