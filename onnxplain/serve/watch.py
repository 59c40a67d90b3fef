"""The outermost layer: each request gets an id, and each answer, whoever gives it, is counted, logged and made safe."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from onnxplain.serve import noted, requests
from onnxplain.serve.answers import refuse
from onnxplain.serve.asgi import header, path_of
from onnxplain.serve.log import tell
from onnxplain.serve.observed import Answered
from onnxplain.serve.refusal import refusal_of

if TYPE_CHECKING:
    from onnxplain.serve.asgi import App, Message, Receive, Scope, Send
    from onnxplain.serve.noted import Noted
    from onnxplain.serve.observed import Observer

LEFT = 499
"""The status, in the log and in what is counted, of a request whose client left before it was answered."""

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SAFE = (
    (b"content-security-policy", _POLICY.encode()),  # a page takes nothing from elsewhere, and stands in no other page
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),  # an explanation is nobody else's business
)
"""Headers of every answer that does not say otherwise."""


class Watch:
    """Gives each request an id, answers what fails inside, and tells the log and an observer of every answer."""

    def __init__(self, app: App, observer: Observer) -> None:
        self._app, self._observer = app, observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            await self._watched(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = header(scope, b"x-request-id")
        requests.begin(given[0].decode("latin-1") if given else None)
        notes, start = noted.begin(), perf_counter()
        method, path = str(scope["method"]), path_of(scope)
        scope.pop("route", None)  # that of an application around this one
        # every answer is whole: a part of one could not be refused as all else is
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() != b"range"]
        answer = _Sending(scope, send)
        try:
            await self._app(scope, receive, answer)
        except Exception as problem:  # noqa: BLE001  # it is logged there, and the client is told that there was one
            refusal = refusal_of(problem)
            notes.code = refusal.code
            if answer.status is None:
                await refuse(refusal, scope, receive, answer)
        finally:
            self._tell(scope, answer.status, notes, method, path, perf_counter() - start)

    def _tell(self, scope: Scope, status: int | None, notes: Noted, method: str, path: str, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", None)
        found = Answered(method, template, LEFT if notes.left or status is None else status, seconds, notes.code)
        self._observer.answered(found)
        tell(found, path, notes)


class _Sending:
    """Sends an answer with the headers that each has. That to HEAD is the answer to GET without its content."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._bare = scope["method"] == "HEAD"
        if self._bare:
            scope["method"] = "GET"
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._bare:
                self._scope["method"] = "HEAD"  # by which a server knows that no content follows
            headers = [(name.lower(), value) for name, value in message.get("headers", [])]
            own = {name for name, _ in headers}
            headers += [(name, value) for name, value in SAFE if name not in own]
            headers.append((b"x-request-id", requests.request_id().encode()))
            message = {**message, "headers": headers}
        elif self._bare and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)
