"""Asking another server: what is tried again, for how long, and what an answer may be."""

from __future__ import annotations

import pickle
from time import sleep

import pytest

pytest.importorskip("urllib3", reason="another server is asked by urllib3, of the extra serve")
from serve.predicting import Answer, predicting

from onnxplain.errors import PredictorError, UsageError
from onnxplain.serve import connection
from onnxplain.serve.connection import Connection
from onnxplain.stopping import Stop, StoppedError


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(connection, "_FIRST_WAIT", 0.01)


def to(server, seconds=20.0, retries=3, **options):
    return Connection(server.address, "it", seconds, retries, **options)


def in_turn(*found):
    left = list(found)
    return lambda *_: left.pop(0) if len(left) > 1 else left[0]


def test_a_connection_is_used_again_and_headers_are_sent():
    with predicting(lambda path, body: Answer({"path": path, "body": (body or b"").decode()})) as server:
        to_it = to(server, headers={"Authorization": "Bearer x"})
        assert to_it.get("/a").json() == {"path": "/a", "body": ""}
        assert to_it.post("/b", b"rows", {"Content-Type": "text/plain"}).json() == {"path": "/b", "body": "rows"}
        assert len(server.doors) == 1
        assert {headers["Authorization"] for _, headers in server.asked} == {"Bearer x"}


def test_a_server_that_is_busy_is_asked_again_when_it_says():
    busy = Answer({"error": "not yet"}, 503, Retry_After="0")
    with predicting(in_turn(busy, Answer(b"", 429), busy, Answer({"ok": 1}))) as server:
        assert to(server).post("/", b"", {}).json() == {"ok": 1}
        assert len(server.asked) == 4


def test_it_is_not_asked_for_ever():
    with predicting(in_turn(Answer({"error": "full"}, 503))) as server:
        with pytest.raises(PredictorError, match="it answers 503: full; it was asked 3 times") as problem:
            to(server, retries=2).get("/")
        assert len(server.asked) == 3
        assert not problem.value.reached


def test_a_wait_that_is_longer_than_there_is_time_is_not_begun():
    with predicting(in_turn(Answer(b"", 503, Retry_After="3600"))) as server:
        with pytest.raises(PredictorError, match="answers 503: nothing more; it was asked 1 times"):
            to(server).get("/")
        assert len(server.asked) == 1


def test_a_connection_that_breaks_is_made_again():
    with predicting(in_turn(None, Answer({"ok": 1}))) as server:
        assert to(server).get("/").json() == {"ok": 1}


def test_nobody_there():
    with predicting(in_turn(None)) as server:
        pass
    with pytest.raises(PredictorError, match=r"it cannot be reached \(.*\); it was asked 2 times") as problem:
        to(server, retries=1).get("/")
    assert not problem.value.reached and "0x" not in str(problem.value)


def test_an_answer_that_does_not_come_in_time_is_late():
    def slow(*_):
        sleep(0.5)
        return Answer({})

    with (
        predicting(slow) as server,
        pytest.raises(PredictorError, match=r"did not answer within 0\.1 seconds") as problem,
    ):
        to(server, seconds=0.1).get("/")
    assert problem.value.late


def test_an_answer_that_is_too_large_is_not_read(monkeypatch):
    monkeypatch.setattr(connection, "MOST", 1000)
    with (
        predicting(in_turn(Answer(b"x" * 2000))) as server,
        pytest.raises(PredictorError, match="more than 1000 bytes"),
    ):
        to(server).get("/")


def test_nothing_is_followed_to_another_address():
    with predicting(in_turn(Answer(b"", 307, Location="http://localhost:1/"))) as server:
        assert to(server).get("/").status == 307
        assert len(server.asked) == 1


def test_waiting_ends_where_nobody_waits_any_more():
    stop = Stop()

    def busy(*_):
        stop.set()
        return Answer(b"", 503, Retry_After="9")

    with predicting(busy) as server, stop.hold(), pytest.raises(StoppedError):
        to(server).get("/")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("host", "http://host"),
        ("host:80/", "http://host:80"),
        ("https://host:443/a/b/", "https://host:443/a/b"),
        ("[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_may_be_written_in_short(address, found):
    assert Connection(address, "it", 1, 1).address == found


@pytest.mark.parametrize(
    "address", ["", "http://", "http://u:p@host", "u:p@host", "ftp://host", "host?key=1", "host#a", "a b"]
)
def test_an_address_with_a_password_is_refused_and_not_repeated(address):
    with pytest.raises(UsageError, match="HOST:PORT") as problem:
        Connection(address, "it", 1, 1)
    assert "u:p" not in str(problem.value)


def test_it_is_pickled_without_what_is_open():
    with predicting(in_turn(Answer({"ok": 1}))) as server:
        first = to(server)
        first.get("/")
        assert pickle.loads(pickle.dumps(first)).get("/").json() == {"ok": 1}  # noqa: S301


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "a\\n b"}', "a b"),
        (b'{"detail": [1]}', "[1]"),
        (b"<html>" + b"x" * 900, "<html>" + "x" * 194),
        (b"[1]", "[1]"),
        (b"", "nothing more"),
        (b"\xff", "\ufffd"),
    ],
)
def test_what_a_server_says_is_one_short_line(body, said):
    assert connection.Reply(500, {}, body).said == said
