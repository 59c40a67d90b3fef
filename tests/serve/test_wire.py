"""A real server and raw sockets: what is refused or ended below any request, and what clients do with connections."""

import asyncio
import gzip
import threading
from contextlib import closing
from http.client import HTTPConnection
from time import sleep

import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
from serve.asking import limits, say
from serve.sockets import answer, answers, connection, head, served

from onnxplain.serve.guards import guarded
from onnxplain.serve.observed import OBSERVER, Observer
from onnxplain.serve.tokens import Tokens
from onnxplain.serve.uvicorn_settings import uvicorn_settings

CLOSE = {"Connection": "close"}
LIMITS = limits(request_bytes=100_000, body_seconds=0.4, seconds=20.0)


class Counts(Observer):
    def __init__(self):
        self.answers = []

    def answered(self, found):
        self.answers.append((found.status, found.code))


class Application:
    """Echoes what it is sent; waits for ever at /wait; answers with more than any buffer holds at /large."""

    def __init__(self):
        self.entered, self.left, self.counts = threading.Event(), threading.Event(), Counts()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await receive()
            scope["state"][OBSERVER] = self.counts
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = (await receive())["body"]
        if scope["path"] == "/wait":
            self.entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        if scope["path"] == "/large":
            body = bytes(2**24)
        await say(send, 200, body, [(b"content-length", b"%d" % len(body))])


@pytest.fixture(scope="module")
def inner():
    return Application()


@pytest.fixture(scope="module")
def counts(inner):
    return inner.counts


@pytest.fixture(scope="module")
def server(inner, counts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onnxplain.serve.wire.HEAD_SECONDS", 0.3)
        patch.setattr("onnxplain.serve.answers.LINGER", 0.3)
        patch.setattr("onnxplain.serve.wire.STALL_SECONDS", 0.3)
        settings = {**uvicorn_settings(LIMITS), "log_config": None}
        with served(guarded(inner, LIMITS, counts), **settings) as found:
            yield found


@pytest.fixture(scope="module")
def port(server):
    return server.port


def good(port):
    """Whether a plain request is answered as it should be."""
    with connection(port) as found:
        return answer(found, head(Content_Length=2, **CLOSE), b"ok") == (200, b"ok")


@pytest.fixture(autouse=True)
def _alive(port):
    yield
    assert good(port)


@pytest.mark.parametrize(
    "lines",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a client that speaks TLS
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nName: a\x00b\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_as_all_else_is(port, lines):
    with connection(port) as found:
        status, body = answer(found, lines)
        assert (status, body["code"]) in {(400, "bad_request"), (400, "bad_length")}
        assert body["request_id"]


@pytest.mark.parametrize("piece", [b"X-%d: " + b"x" * 1000 + b"\r\n", b"x%d" * 500])
def test_a_head_that_never_ends_is_refused(port, piece):
    with connection(port) as found:
        found.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        status, body = answer(found, *[piece.replace(b"%d", b"%d" % i) for i in range(200)])
        assert (status, body["code"]) == (431, "large_head")


def test_trailers_that_never_end_are_refused(port):
    with connection(port) as found:
        found.sendall(head(Transfer_Encoding="chunked") + b"1\r\na\r\n0\r\nX: ")
        status, body = answer(found, *[b"x" * 1000] * 200)
        assert (status, body["code"]) == (431, "large_head")


def test_a_head_that_comes_too_slowly_is_refused_and_counted(port, counts):
    counts.answers.clear()
    with connection(port) as found:
        status, body = answer(found, b"POST / HT")
        assert (status, body["code"]) == (408, "slow_head")
    assert (408, "slow_head") in counts.answers


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
def test_a_connection_on_which_nothing_is_asked_is_closed(port, sent):
    with connection(port) as found:
        found.sendall(sent)
        assert answers(found) == []


def test_a_body_that_comes_too_slowly_is_refused(port):
    with connection(port) as found:
        status, body = answer(found, head(Content_Length=50), b"x" * 49)
        assert (status, body["code"]) == (408, "slow_body")


def test_a_body_that_is_shorter_than_it_says_and_then_half_closed_is_nobody(port, counts):
    with connection(port) as found:
        found.sendall(head(Content_Length=50) + b"x")
        found.shutdown(1)
        assert answers(found) == []
    while (499, None) not in counts.answers:  # else this never ends
        sleep(0.01)


@pytest.mark.parametrize("size", [100_001, 10_000_000])
def test_a_client_that_sends_too_much_before_it_listens_gets_its_answer(port, size):
    """A server that closed at once would reset the connection, and the answer would be lost."""
    with connection(port) as found:
        status, body = answer(found, head(Content_Length=size), bytes(size))
        assert (status, body["code"]) == (413, "too_large")


def test_pieces_that_become_too_much_are_refused(port):
    with connection(port) as found:
        piece = b"8000\r\n" + bytes(0x8000) + b"\r\n"
        status, body = answer(found, head(Transfer_Encoding="chunked"), *[piece] * 4, b"0\r\n\r\n")
        assert (status, body["code"]) == (413, "too_large")


def test_pieces_and_their_trailers(port):
    with connection(port) as found:
        pieces = [b"2\r\nab\r\n", b"1;name=value\r\nc\r\n", b"0\r\nContent-Encoding: gzip\r\n\r\n"]
        assert answer(found, head(Transfer_Encoding="chunked", **CLOSE), *pieces) == (200, b"abc")


def test_a_packed_body_over_a_socket(port):
    packed = gzip.compress(b"abc")
    with connection(port) as found:
        request = head(Content_Encoding="gzip", Content_Length=len(packed), **CLOSE)
        assert answer(found, request, packed) == (200, b"abc")


def test_a_client_that_asks_first_is_told_to_go_on_or_not(port):
    with connection(port) as found:
        found.sendall(head(Content_Length=2, Expect="100-continue", **CLOSE))
        assert found.recv(100).startswith(b"HTTP/1.1 100 ")
        assert answer(found, b"ok") == (200, b"ok")
    with connection(port) as found:
        status, body = answer(found, head(Content_Length=100_001, Expect="100-continue"))
        assert (status, body["code"]) == (413, "too_large")


def test_requests_one_behind_the_other_are_answered_in_order(port):
    with connection(port) as found:
        for text in (b"a", b"bc"):
            found.sendall(head(Content_Length=len(text)) + text)
        found.sendall(head(Content_Length=1, **CLOSE) + b"d")
        assert answers(found) == [(200, b"a"), (200, b"bc"), (200, b"d")]


def test_nonsense_behind_two_requests_does_not_stand_in_their_answers(port, inner):
    inner.entered.clear()
    inner.left.clear()
    with connection(port) as found:
        found.sendall(head("/wait", Content_Length=0))
        assert inner.entered.wait(20)
        found.sendall(head(Content_Length=0) + b"nonsense\r\n\r\n")
        assert answers(found) == []
    assert inner.left.wait(20)


@pytest.mark.parametrize("half", [True, False])
def test_a_client_that_leaves_while_it_waits_stops_what_it_waits_for(port, inner, half):
    inner.entered.clear()
    inner.left.clear()
    with connection(port) as found:
        found.sendall(head("/wait", Content_Length=0))
        assert inner.entered.wait(20)
        if half:  # nobody can tell a client that only stops sending from one that has gone
            found.shutdown(1)
            assert answers(found) == []
    assert inner.left.wait(20)


def test_a_client_that_does_not_read_is_not_waited_for(port, server):
    with connection(port) as found:
        found.sendall(head("/large", Content_Length=0))
        assert found.recv(8) == b"HTTP/1.1"
        while server.server_state.connections:  # else this never ends
            sleep(0.05)


def test_a_client_that_leaves_in_the_middle_of_its_answer_is_forgotten(port, server):
    with connection(port) as found:
        found.sendall(head("/large", Content_Length=0))
        assert found.recv(8) == b"HTTP/1.1"
    while server.server_state.connections:  # else this never ends
        sleep(0.01)


def test_head_has_the_headers_of_get_alone(port):
    with connection(port) as found:
        found.sendall(head(method="HEAD", **CLOSE))
        data = b"".join(iter(lambda: found.recv(1000), b""))
        assert data.startswith(b"HTTP/1.1 200")
        assert data.endswith(b"\r\n\r\n")
        assert data.count(b"\r\n\r\n") == 1


def test_an_upgrade_is_not_made(port):
    wished = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    asked = HTTPConnection("127.0.0.1", port, timeout=20)
    with closing(asked):
        asked.request("GET", "/", headers={**wished, "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA=="})
        answered = asked.getresponse()
        assert (answered.status, answered.read()) == (200, b"")


def test_too_many_connections_are_refused_and_a_free_one_is_taken_again(inner):
    settings = {**uvicorn_settings(LIMITS), "log_config": None, "limit_concurrency": 2}
    with served(guarded(inner, LIMITS, Observer(), Tokens(["t"])), **settings) as server:
        port = server.port
        with connection(port) as one, connection(port) as two, connection(port) as three:
            status, body = answer(three)
            assert (status, body["code"]) == (503, "busy")
            for each in (one, two):
                each.sendall(head(method="GET", **CLOSE))
                assert [status for status, _ in answers(each)] == [200]
        with connection(port) as again:
            status, body = answer(again, head("/v1/models", **CLOSE, Content_Length=3), b"abc")
            assert (status, body["code"]) == (401, "token")
