"""Requests to an application of ASGI, without any server: what a server would hand in, and what it would send."""

import asyncio
import contextvars
import json
from dataclasses import dataclass, field

from onnxplain.serve.limits import Limits

LEAVES = object()
"""In the place of a piece of a body: the client leaves."""
WAITS = object()
"""In the place of a piece of a body: nothing more comes."""


@dataclass
class Sent:
    """What an application sent."""

    messages: list = field(default_factory=list)

    @property
    def status(self):
        return self.messages[0]["status"] if self.messages else None

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self):
        return b"".join(each.get("body", b"") for each in self.messages[1:])

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def complete(self):
        return bool(self.messages) and self.messages[-1].get("more_body", False) is False


def scope(method="POST", path="/v1/models/m:explain", headers=(), **more):
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in dict(headers).items()]
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": given, **more}


async def asked(app, pieces=(b"",), *, leaves=None, **request):
    """Ask an application. pieces: of the body. leaves: an event; the client leaves when it is set."""
    sent, queue = Sent(), list(pieces)
    leaves = leaves or asyncio.Event()

    async def receive():
        piece = queue.pop(0) if queue else WAITS
        if piece is WAITS:
            await leaves.wait()
        if piece in (WAITS, LEAVES):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(queue)}

    async def send(message):
        sent.messages.append(message)

    await app(scope(**request), receive, send)
    return sent


def ask(app, pieces=(b"",), **request):
    """Ask an application in a loop and a context of its own."""
    return contextvars.copy_context().run(asyncio.run, asked(app, pieces, **request))


async def echo(_, receive, send):
    """Answer with the body of the request."""
    body = (await receive())["body"]
    await say(send, 200, body)


async def say(send, status, body=b"", headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def limits(**some):
    """Limits that a test reaches at once."""
    return Limits(**{"request_bytes": 100, "body_seconds": 0.05, "seconds": 5.0, **some})
