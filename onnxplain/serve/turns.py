"""Turns: in each round of the event loop a few requests are begun, so that it soon looks for what else has come.

A loop runs all that is ready before it looks again. Many clients that are answered together ask again together, and to
begin with all of their requests in one round would let health wait for as long as that takes.
"""

from __future__ import annotations

import asyncio
from collections import deque

AT_ONCE = 2
"""Requests that are begun in one round, which together take some milliseconds."""


class Turns:
    """Lets those who ask go on, in the order in which they asked, `AT_ONCE` in each round of the loop."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def take(self) -> None:
        """Return when it is the turn of whoever asks; at once where few have asked in this round."""
        loop = asyncio.get_running_loop()
        if not self._counting:
            self._counting = True
            loop.call_soon(self._next_round, loop)
        if self._left:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the next ones go on, and come back in the next round while there are any."""
        self._left = AT_ONCE
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # else its request was cancelled
                turn.set_result(None)
                self._left -= 1
        self._counting = self._left < AT_ONCE
        if self._counting:
            loop.call_soon(self._next_round, loop)
