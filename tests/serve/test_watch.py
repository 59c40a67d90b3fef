import asyncio
import json
import logging
from types import SimpleNamespace

import pytest
from serve.asking import LEAVES, ask, echo, limits, say

from onnxplain.serve.guards import guarded
from onnxplain.serve.log import Stderr
from onnxplain.serve.observed import Observer
from onnxplain.serve.refusal import Refusal
from onnxplain.serve.requests import request_id
from onnxplain.serve.tokens import Tokens
from onnxplain.serve.watch import Watch


class Heard(Observer):
    def __init__(self):
        self.answers = []

    def answered(self, answer):
        self.answers.append(answer)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def lines(capsys):
    """What the log has said since the last time, each line read as JSON."""
    logger, handler = logging.getLogger("onnxplain.serve"), Stderr()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)

    def read():
        text = capsys.readouterr().err
        assert text.isascii()
        return [json.loads(line) for line in text.splitlines()]

    yield read
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_an_id_is_given_or_made_and_is_everywhere(heard, lines):
    async def app(_, receive, send):
        await say(send, 200, request_id().encode())

    for given, kept in [
        ("mine-1.a_B", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("ü", False),
        ("", False),
    ]:
        sent = ask(Watch(app, heard), headers={"X-Request-Id": given})
        assert sent.headers["x-request-id"] == sent.body.decode() == lines()[-1]["id"]
        assert (sent.body.decode() == given) is kept
        assert sent.body


def test_every_answer_is_logged_and_told_once(heard, lines):
    async def app(scope, receive, send):
        scope["route"] = SimpleNamespace(path="/v1/models/{model}:explain")
        Observer().explained("net", "gradient", 3, 0.1)
        await say(send, 200)

    ask(Watch(app, heard), path="/v1/models/net:explain", query_string=b"token=secret")
    (line,), (answer,) = lines(), heard.answers
    assert line.pop("seconds") == pytest.approx(answer.seconds, abs=1e-6)
    assert line.pop("time") and line.pop("id")
    assert line == {
        "level": "info",
        "method": "POST",
        "path": "/v1/models/{model}:explain",
        "status": 200,
        "model": "net",
        "explained_by": "gradient",
        "rows": 3,
    }
    assert (answer.method, answer.path, answer.status, answer.code) == ("POST", line["path"], 200, None)


def test_refused_ones_are_logged_and_told_too(heard, lines):
    app = guarded(echo, limits(), heard, Tokens(["the-token"]), ["mine.example"])
    ask(app)
    ask(app, headers={"Authorization": "Bearer another"})
    ask(app, headers={"Authorization": "Bearer the-token", "Content-Length": "101"})
    ask(app, headers={"Host": "evil.example"})
    ask(app, [b"half", LEAVES], headers={"Authorization": "Bearer the-token"})
    found = [(each.status, each.code) for each in heard.answers]
    assert found == [(401, "token"), (401, "token"), (413, "too_large"), (403, "unknown_host"), (499, None)]
    said = lines()
    assert [(each["status"], each.get("code")) for each in said] == found
    assert "another" not in json.dumps(said)
    assert "the-token" not in json.dumps(said)


def test_what_was_sent_cannot_forge_a_line(heard, lines):
    ask(Watch(echo, heard), path='/a\r\n{"forged": 1}\x1b[31m\u2028' + "x" * 10_000, method="BAD\nMETHOD" * 100)
    (line,) = lines()
    assert line["path"].startswith("/a\r\n")
    assert len(line["path"]) == len(line["method"]) == 200


def test_an_error_that_nobody_expected_is_logged_and_not_told(heard, lines):
    async def app(*_):
        raise RuntimeError("/secret/path")

    sent = ask(Watch(app, heard))
    assert (sent.status, sent.json["code"]) == (500, "internal")
    assert "secret" not in sent.body.decode()
    assert sent.json["request_id"] == sent.headers["x-request-id"]
    first, last = lines()
    assert "/secret/path" in first["traceback"]
    assert first["id"] == last["id"] == sent.json["request_id"]
    assert last["status"] == heard.answers[0].status == 500


def test_an_error_behind_the_first_byte_ends_the_answer(heard, lines):
    async def app(_, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    sent = ask(Watch(app, heard))
    assert len(sent.messages) == 1
    assert [each.get("traceback") is not None for each in lines()] == [True, False]


def test_a_refusal_from_within_is_sent_as_it_is(heard):
    async def app(*_):
        raise Refusal(429, "busy", "try again", 3)

    sent = ask(Watch(app, heard))
    assert (sent.status, sent.headers["retry-after"], heard.answers[0].code) == (429, "3", "busy")


def test_every_answer_has_safe_headers_unless_it_has_its_own(heard):
    async def app(_, receive, send):
        await say(send, 200, headers=[(b"Cache-Control", b"max-age=60")])

    sent = ask(Watch(app, heard))
    assert sent.headers["cache-control"] == "max-age=60"
    assert sent.headers["x-content-type-options"] == "nosniff"
    policy = dict(each.split(" ", 1) for each in sent.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == "'none'"
    assert len(sent.messages[0]["headers"]) == len(sent.headers)


def test_head_is_get_without_its_content(heard):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["method"])
        await say(send, 200, b"content", [(b"content-length", b"7")])

    sent = ask(Watch(app, heard), method="HEAD")
    assert (seen, sent.body, sent.headers["content-length"]) == (["GET"], b"", "7")
    assert heard.answers[0].method == "HEAD"


def test_every_answer_is_whole(heard):
    async def app(scope, receive, send):
        await say(send, 200, repr(scope["headers"]).encode())

    assert (
        ask(Watch(app, heard), method="GET", headers={"Range": "bytes=0-1", "Accept": "a"}).body
        == b"[(b'accept', b'a')]"
    )


def test_web_sockets_are_closed():
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message["type"])

    asyncio.run(Watch(echo, Observer())({"type": "websocket"}, receive, send))
    assert sent == ["websocket.close"]
