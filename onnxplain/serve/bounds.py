"""How much and how long: bytes and seconds of a request, requests at once, and clients that leave."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from onnxplain.serve import bodies
from onnxplain.serve.answers import refuse
from onnxplain.serve.asgi import READING, is_open
from onnxplain.serve.noted import noted
from onnxplain.serve.refusal import Refusal, busy
from onnxplain.serve.turns import Turns

if TYPE_CHECKING:
    from onnxplain.serve.asgi import App, Message, Receive, Scope, Send
    from onnxplain.serve.limits import Limits

_log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds for which a request that was cancelled may put its things in order before its client is answered."""


class Bounds:
    """Reads the whole body of a request within its limits, then lets the application answer while the client waits.

    Refused are bodies of too many bytes (413) or that come too slowly (408), requests beyond `limits.waiting` (429),
    and those that are not answered within `limits.seconds` (504). Where the client leaves, the task that answers is
    cancelled.
    """

    def __init__(self, app: App, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._room = bodies.Room(bodies.HELD * limits.request_bytes)
        self._running = 0
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope):  # which costs nothing, and has to be answered first
            await self._app(scope, receive, send)
            return
        counts = scope["method"] not in READING
        if counts and self._running >= self._limits.waiting:
            await refuse(busy(self._running), scope, receive, send)
            return
        end = asyncio.get_running_loop().time() + self._limits.seconds
        self._running += counts
        refusal = None
        try:
            await self._turns.take()
            answer = _Answer(self._app, scope, send, await self._body(scope, receive))
            await answer.give(receive, end)
        except bodies.LeftError:
            noted().left = True
        except Refusal as problem:  # whose traceback holds the body
            refusal = Refusal(problem.status, problem.code, problem.message, problem.retry_after)
        finally:
            self._running -= counts
            self._room.give_back(scope.pop("onnxplain.held", 0))
        if refusal is not None:  # which no longer counts as running
            await refuse(refusal, scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        most = self._limits.request_bytes
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await bodies.read(scope, receive, most, self._room)
        except TimeoutError:
            message = f"the body was not sent within {self._limits.body_seconds:g} seconds"
            raise Refusal(408, "slow_body", message) from None
        if bodies.packing(scope):
            body = await asyncio.to_thread(bodies.unpack, body, most)
            self._room.take(len(body))
            scope["onnxplain.held"] += len(body)
            bodies.repack(scope, len(body))
        return body


class _Answer:
    """The answer of the application to one request, whose body was read."""

    def __init__(self, app: App, scope: Scope, send: Send, body: bytes) -> None:
        self._app, self._scope, self._send = app, scope, send
        self._body: bytes | None = body  # until the application has it
        self._gone = asyncio.Event()
        self._started = self._complete = self._over = False

    async def give(self, receive: Receive, end: float) -> None:
        """Let the application answer until `end`, a time of the loop. Raises Refusal where it does not."""
        answer = asyncio.ensure_future(self._app(self._scope, self._receive, self._pass_on))
        watch = asyncio.ensure_future(self._watch(receive))
        try:
            await asyncio.wait({answer, watch}, timeout=_until(end), return_when=asyncio.FIRST_COMPLETED)
            if not self._gone.is_set():  # a server says that the client is gone when it has the whole answer, too
                await asyncio.wait({answer}, timeout=_until(end))
        finally:
            watch.cancel()
            answered = answer.done()
            if not answered:
                await _cancelled(answer)
            self._over = True
        noted().left = self._gone.is_set()
        if answered:
            answer.result()
        elif not self._gone.is_set():
            refusal = Refusal(504, "too_long", "the request was not answered in the time that one may take")
            noted().code = refusal.code
            if not self._started:
                raise refusal

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if not self._complete:
            self._gone.set()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _pass_on(self, message: Message) -> None:
        if not self._over:
            self._started = True
            self._complete = message["type"] == "http.response.body" and not message.get("more_body")
            await self._send(message)


def _until(end: float) -> float:
    return max(0.0, end - asyncio.get_running_loop().time())


async def _cancelled(task: asyncio.Future[None]) -> None:
    """Cancel a task, and wait until it has ended, or for the grace that it has to do so."""
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE)
    if task.done() and not task.cancelled() and task.exception():
        _log.debug("a request that was cancelled failed", exc_info=task.exception())
