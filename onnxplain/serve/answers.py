"""A refusal as an answer, given by the layers around the application before it sees the request."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from onnxplain.serve.asgi import header
from onnxplain.serve.noted import noted
from onnxplain.serve.requests import request_id

if TYPE_CHECKING:
    from onnxplain.serve.asgi import Headers, Receive, Scope, Send
    from onnxplain.serve.refusal import Refusal

LINGER = 2.0
"""Seconds for which the rest of a body that is refused is read and thrown away, so that its answer arrives."""


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, extra: Headers | None = None) -> None:
    """Answer a request with a refusal.

    extra: further headers. Where the body was not read, the connection is closed behind the answer. It is not closed at
    once: a socket that is closed while there is something to read sends a reset, which makes the client forget the
    answer. So the answer is sent, and what still comes is read for a short while and thrown away.
    """
    noted().code = refusal.code
    body = json.dumps(refusal.body(request_id())).encode()
    unread = not scope.get("onnxplain.read") and _has_body(scope)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in refusal.headers.items()]
    headers += [*(extra or []), *([(b"connection", b"close")] if unread else [])]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": unread})
    if unread:
        if not header(scope, b"expect"):  # else the client waits with its body until it is told to go on
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await _throw_away(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_body(scope: Scope) -> bool:
    return bool(header(scope, b"transfer-encoding")) or header(scope, b"content-length") not in ([], [b"0"])


async def _throw_away(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
