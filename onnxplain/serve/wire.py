"""The limits of a connection, below any request: heads that never end, idle sockets, readers that do not read.

uvicorn's reader by httptools takes heads of any length and waits for them for ever. This one does not, and what it
refuses by itself it refuses as the rest of the service does.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from onnxplain.serve import answers, noted, requests
from onnxplain.serve.log import tell
from onnxplain.serve.observed import OBSERVER, Answered, Observer
from onnxplain.serve.refusal import RETRY_AFTER, Refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

HEAD_BYTES = 2**16
"""Bytes beyond which what is no body ends: a head, the trailers behind a body in pieces, and what is beside its sizes.

One that arrives all at once may have more, as much as a socket hands over at once.
"""
HEAD_SECONDS = 10.0
"""Seconds within which they have to arrive, from the moment that the connection is made or the request begins."""
STALL_SECONDS = 60.0
"""Seconds for which a client may leave what was sent to it unread."""


class Wire(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._in_head = False
        self._refused = False
        self._loose = 0  # bytes that came since the last that belonged to a body, or ended a head
        self._cycles: list[RequestResponseCycle] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # the connection ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._most is not None and len(self.connections) > self._most:
            self.connections.discard(self)  # it is about to end, and keeps nobody out
            self._refuse(Refusal(503, "busy", "there are too many connections; try again later", RETRY_AFTER))
        else:
            self._start("head", HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._timers):
            self._stop(name)
        self._end(self._unanswered())
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._loose += len(data)
        super().data_received(data)
        if self._loose > HEAD_BYTES:
            self._refuse(Refusal(431, "large_head", f"the head of a request may have {HEAD_BYTES} bytes"))
        elif self._in_head or self.cycle is None or self.cycle.response_complete:
            self._start("head", HEAD_SECONDS, self._head_is_late)

    # a request --------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._loose = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers are nothing that anybody reads here
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._loose = False, 0
        self._stop("head")
        super().on_headers_complete()
        self._cycles = [*self._unanswered(), self.cycle]

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    # what does not go on ----------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start("stall", STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop("stall")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self._refuse(Refusal(400, "bad_request", "this is no request of HTTP/1.1"))

    def _head_is_late(self) -> None:
        self._timers.pop("head", None)
        if self._in_head:
            self._refuse(Refusal(408, "slow_head", f"the head was not sent within {HEAD_SECONDS:g} seconds"))
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without any application, and close; where an answer is being sent already, only close.

        What still comes is read for a short while and thrown away, see `answers.refuse`.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused, running = True, self._unanswered()
        if not running or (len(running) == 1 and not running[0].response_started):
            self.transport.write(self._answer(refusal))
        self._end(running)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start("linger", answers.LINGER, self.transport.close)

    def _unanswered(self) -> list[RequestResponseCycle]:
        """The requests of this connection that are being answered or wait for it, the oldest first."""
        return [each for each in self._cycles if not each.response_complete]

    def _end(self, cycles: list[RequestResponseCycle]) -> None:
        """Tell those who answer requests that there is nobody to answer. uvicorn tells it to the last of them alone."""
        for each in cycles:
            each.disconnected = True
            each.message_event.set()

    def _start(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, then)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _answer(self, refusal: Refusal) -> bytes:
        """Return a whole answer, which is logged and counted as those of the application are."""
        identity, notes = requests.begin(None), noted.begin()
        notes.code = refusal.code
        answered = Answered("-", None, refusal.status, 0.0, refusal.code)
        self.app_state.get(OBSERVER, Observer()).answered(answered)
        tell(answered, "-", notes)
        return _bytes(refusal, identity)


def _bytes(refusal: Refusal, identity: str) -> bytes:
    body = json.dumps(refusal.body(identity)).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-Id": identity,
        "Connection": "close",
        **refusal.headers,
    }
    lines = [
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
