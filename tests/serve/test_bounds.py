import asyncio
import contextlib
import sys

import pytest
from serve.asking import LEAVES, WAITS, ask, asked, echo, limits, say, scope

from onnxplain.serve.bounds import Bounds
from onnxplain.serve.noted import begin


def test_a_body_that_comes_too_slowly_is_refused(monkeypatch):
    monkeypatch.setattr("onnxplain.serve.answers.LINGER", 0.01)
    sent = ask(Bounds(echo, limits()), [b"a", WAITS, b"b"], headers={"Content-Length": "100"})
    assert (sent.status, sent.json["code"], sent.complete) == (408, "slow_body", True)
    assert sent.headers["connection"] == "close"


def test_a_client_that_leaves_before_its_body_is_there_is_not_answered():
    async def never(*_):
        pytest.fail("an application was asked with half a body")

    async def play():
        notes = begin()
        sent = await asked(Bounds(never, limits()), [b"half", LEAVES])
        return sent, notes

    sent, notes = asyncio.run(play())
    assert sent.messages == []
    assert notes.left


class Slow:
    """Answers when it is told to; `cancelled` says whether it was stopped."""

    def __init__(self, started=False):
        self.entered, self.go = asyncio.Event(), asyncio.Event()
        self.cancelled, self.started = False, started

    async def __call__(self, _, receive, send):
        await receive()
        if self.started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        self.entered.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await say(send, 200, b"done")


@pytest.mark.parametrize("started", [False, True])
def test_a_client_that_leaves_stops_its_answer(started):
    async def play():
        slow, leaves, notes = Slow(started), asyncio.Event(), begin()
        bounds = Bounds(slow, limits())
        task = asyncio.create_task(asked(bounds, leaves=leaves))
        await slow.entered.wait()
        assert bounds._running == 1
        leaves.set()
        sent = await task
        assert bounds._running == 0
        return slow, sent, notes

    slow, sent, notes = asyncio.run(play())
    assert slow.cancelled
    assert notes.left
    assert sent.body == (b"half" if started else b"")


def test_a_request_that_takes_too_long_is_stopped_and_answered():
    async def play():
        slow = Slow()
        return slow, await asked(Bounds(slow, limits(seconds=0.02)))

    slow, sent = asyncio.run(play())
    assert (sent.status, sent.json["code"]) == (504, "too_long")
    assert slow.cancelled


def test_an_answer_that_is_sent_already_and_takes_too_long_is_cut_off():
    async def play():
        slow, notes = Slow(started=True), begin()
        return slow, await asked(Bounds(slow, limits(seconds=0.02))), notes

    slow, sent, notes = asyncio.run(play())
    assert (slow.cancelled, sent.status, sent.complete, notes.code) == (True, 200, False, "too_long")


def test_an_application_that_does_not_stop_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("onnxplain.serve.bounds.GRACE", 0.01)
    spoke = []

    async def stubborn(_, receive, send):
        await receive()
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)
        await say(send, 200, b"late")
        spoke.append(True)

    async def play():
        sent = await asked(Bounds(stubborn, limits(seconds=0.02)))
        await asyncio.sleep(0.3)
        return sent

    sent = asyncio.run(play())
    assert spoke
    assert sent.status == 504
    assert sent.json["code"] == "too_long"  # and nothing behind it


def test_what_an_application_raises_is_raised():
    async def broken(*_):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        ask(Bounds(broken, limits()))


def test_an_application_that_goes_on_behind_its_answer_is_let_finish():
    """A server says that the client is gone as soon as the answer is complete."""
    finished = []

    async def play():
        leaves = asyncio.Event()

        async def app(_, receive, send):
            await receive()
            await say(send, 200, b"done")
            leaves.set()
            await asyncio.sleep(0.01)
            finished.append(True)

        notes = begin()
        sent = await asked(Bounds(app, limits()), leaves=leaves)
        return sent, notes

    sent, notes = asyncio.run(play())
    assert finished
    assert (sent.body, notes.left) == (b"done", False)


def test_an_application_may_ask_whether_the_client_left():
    async def play():
        leaves, heard = asyncio.Event(), []

        async def app(_, receive, send):
            heard.append((await receive())["type"])
            leaves.set()
            heard.append((await receive())["type"])

        await asked(Bounds(app, limits()), leaves=leaves)
        return heard

    assert asyncio.run(play())[0] == "http.request"


def test_too_many_requests_at_once_are_refused_and_health_is_not():
    async def play():
        slow = Slow()
        bounds = Bounds(slow, limits(waiting=2))
        tasks = [asyncio.create_task(asked(bounds)) for _ in range(2)]
        await slow.entered.wait()
        refused = await asked(bounds)
        health = asyncio.create_task(asked(bounds, method="GET"))
        await asyncio.sleep(0)
        slow.go.set()
        return refused, await health, [await task for task in tasks], await asked(bounds)

    refused, health, others, later = asyncio.run(play())
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (429, "busy", "1")
    assert {health.status, later.status, *(each.status for each in others)} == {200}


def test_bytes_that_are_held_are_given_back():
    bounds = Bounds(echo, limits())

    async def play():
        for pieces in ([b"x" * 100], [b"x" * 101], [b"x" * 50, LEAVES]) * 20:
            await asked(bounds, pieces)

    asyncio.run(play())
    assert bounds._room._held == 0
    assert bounds._running == 0


def test_what_is_no_request_passes():
    seen = []

    async def app(request, *_):
        seen.append(request["type"])

    asyncio.run(Bounds(app, limits())({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_a_body_that_is_refused_is_not_held_while_the_rest_of_it_is_thrown_away():
    held = []

    async def play():
        piece = bytes(60)
        before = sys.getrefcount(piece)

        async def receive():
            held.append(sys.getrefcount(piece) - before)
            return {"type": "http.request", "body": piece, "more_body": len(held) < 4}

        async def send(_):
            pass

        await Bounds(echo, limits())(scope(headers={"Transfer-Encoding": "chunked"}), receive, send)

    asyncio.run(play())
    assert held[1] > 0 and held[2] == 0
