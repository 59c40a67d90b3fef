"""One process of the service: the socket that it listens at, uvicorn, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from contextvars import Context
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import uvicorn

from onnxplain.errors import UsageError
from onnxplain.serve.uvicorn_settings import uvicorn_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from onnxplain.serve.service import Service

TAKEN = "another process listens there: choose another port with --port, or --port 0 for any that is free"
"""What is said of a port that is in use."""

HANDLED = (signal.SIGINT, signal.SIGTERM)
"""The signals that end the service."""

_CLOSE = (b"connection", b"close")
_log = logging.getLogger(__name__)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to a port of this machine, 0 for any that is free. It does not listen yet.

    Raises UsageError, with the reason, where that is not possible.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as problem:
        raise UsageError(f"host {host!r}: {getattr(problem, 'strerror', None) or problem}") from problem
    family, kind, protocol, _, where = found[0]
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two processes have one port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
    except OSError as problem:
        made.close()
        raise _refused(host, port, problem) from problem
    return made


def _refused(host: str, port: int, problem: OSError) -> UsageError:
    """Return the error for a port that cannot be had."""
    why = TAKEN if problem.errno == errno.EADDRINUSE else problem.strerror
    return UsageError(f"cannot listen at port {port} of {host!r}: {why}")


def url_of(listener: socket.socket) -> str:
    """Return the address that a browser on this machine opens."""
    host, port = listener.getsockname()[:2]
    address = ip_address(host)
    if address.is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(listener: socket.socket) -> bool:
    """Return whether only this machine itself can reach a socket."""
    return ip_address(listener.getsockname()[0]).is_loopback


def run(app: FastAPI, listener: socket.socket, ready: Callable[[], object]) -> None:
    """Serve an application until the process is asked to end by SIGTERM or Ctrl-C.

    What was accepted by then is answered, what comes is refused with status 503 and Retry-After, and the function
    returns. A second signal ends the process at once.

    ready: called once, when the models are warmed up and the socket listens. Raises UsageError where another process
    has begun to listen at the port meanwhile.
    """
    settings = uvicorn_settings(app.state.service.limits)
    config = uvicorn.Config(app, **{**settings, "log_config": None})  # whoever calls says where the log goes
    host, port = listener.getsockname()[:2]
    try:
        Server(config, ready).run(sockets=[listener])
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        raise _refused(host, port, problem) from problem
    finally:
        listener.close()


class Server(uvicorn.Server):
    """uvicorn's server, which goes on to listen until all that was accepted is answered, and says meanwhile that it
    ends.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._service: Service = config.app.state.service  # type: ignore[union-attr]
        self._ready = ready
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Warm up the models, and listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        if not self._ending:
            self._ready()

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002
        """Begin to end at the first signal, and end at once at the second."""
        loop = self._loop
        if self._ending or loop is None:
            end_at_once(sig)
            return
        self._ending = True
        # the signal may arrive while a request is answered, which has no part in this
        loop.call_soon_threadsafe(self._begin_to_end, context=Context())

    def _begin_to_end(self) -> None:
        # each connection is closed with its next answer: one that is open at the end may lose a request
        self.config.encoded_headers.append(_CLOSE)
        self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        for each in self.server_state.connections:
            if (cycle := getattr(each, "cycle", None)) is not None:
                cycle.keep_alive = False
        self._drain = asyncio.get_running_loop().create_task(self._drained())

    async def _drained(self) -> None:
        if self._service.accepted:
            _log.warning("ending: %d requests are answered first", self._service.accepted)
        await self._service.drain()
        self.should_exit = True


def end_at_once(number: int) -> None:
    """End this process by a signal, as if nothing had ever handled it."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    os._exit(128 + number)  # the first process of a container is spared by signals that nothing handles
