import gzip
import zlib

import pytest
from serve.asking import LEAVES, ask, echo, limits, scope

from onnxplain.serve import bodies
from onnxplain.serve.bounds import Bounds
from onnxplain.serve.refusal import Refusal


@pytest.fixture
def app():
    return Bounds(echo, limits())


@pytest.mark.parametrize("pieces", [[b""], [b"x" * 100], [b"x" * 60, b"", b"y" * 40]])
def test_a_body_arrives_whole(app, pieces):
    sent = ask(app, pieces)
    assert (sent.status, sent.body) == (200, b"".join(pieces))


def test_a_body_of_too_many_bytes_is_refused_when_it_has_them(app):
    sent = ask(app, [b"x" * 60, b"x" * 41, b"never read"] * 1000)
    assert (sent.status, sent.json["code"], sent.complete) == (413, "too_large", True)


@pytest.mark.parametrize("length", ["101", "9" * 18, "9" * 5000])
def test_a_length_that_is_too_large_is_refused_before_a_byte_is_read(app, length):
    sent = ask(app, [LEAVES], headers={"Content-Length": length})
    assert (sent.status, sent.json["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "many", "1e3", "0x10", "", "3, 4", "+3", "3.0", "٣"])
def test_a_length_that_is_none_is_refused(app, length):
    raw = [(b"content-length", length.encode())]
    with pytest.raises(Refusal) as found:
        bodies.declared({**scope(), "headers": raw}, 100)
    assert (found.value.status, found.value.code) == (400, "bad_length")


@pytest.mark.parametrize("length", ["2", "4"])
def test_a_length_that_lies_is_refused(app, length):
    sent = ask(app, [b"abc"], headers={"Content-Length": length})
    assert (sent.status, sent.json["code"]) == (400, "bad_length")


def test_a_length_twice_is_taken_where_it_is_the_same():
    assert bodies.declared(scope(headers={"Content-Length": "3, 3"}), 100) == 3


def test_a_length_beside_a_transfer_encoding_is_refused(app):
    sent = ask(app, [b"abc"], headers={"Content-Length": "3", "Transfer-Encoding": "chunked"})
    assert (sent.status, sent.json["code"]) == (400, "bad_length")


async def shown(request, receive, send):
    """Answer with what an application sees of a packed body: the headers too."""
    request["seen"] = {name.decode(): value.decode() for name, value in request["headers"]}
    await echo(request, receive, send)
    assert "content-encoding" not in request["seen"]
    assert request["seen"]["content-length"] == "90"


@pytest.mark.parametrize(
    ("name", "packed"),
    [("gzip", gzip.compress(b"x" * 90)), ("x-gzip", gzip.compress(b"x" * 90)), ("deflate", zlib.compress(b"x" * 90))],
    ids=["gzip", "x-gzip", "deflate"],  # the bytes of gzip hold the time
)
def test_a_packed_body_is_unpacked_for_the_application(name, packed):
    headers = {"Content-Encoding": name, "Content-Length": str(len(packed))}
    sent = ask(Bounds(shown, limits()), [packed[:7], packed[7:]], headers=headers)
    assert (sent.status, sent.body) == (200, b"x" * 90)


def test_a_packed_body_has_the_bound_of_one_that_is_not(app):
    bomb = gzip.compress(b"\0" * 100_000)
    sent = ask(Bounds(echo, limits(request_bytes=1000)), [bomb], headers={"Content-Encoding": "gzip"})
    assert len(bomb) < 1000
    assert (sent.status, sent.json["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"plain", b"", gzip.compress(b"x")[:-3], gzip.compress(b"x") + b"more", zlib.compress(b"x")[2:]],
    ids=["plain", "empty", "cut", "longer", "headless"],
)
def test_a_body_that_is_not_packed_as_it_says_is_refused(app, body):
    sent = ask(app, [body], headers={"Content-Encoding": "gzip"})
    assert (sent.status, sent.json["code"]) == (400, "bad_packing")


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "nonsense\\"])
def test_other_packings_are_refused(app, name):
    sent = ask(app, [b"abc"], headers={"Content-Encoding": name})
    assert (sent.status, sent.json["code"]) == (415, "bad_packing")
    assert "gzip or deflate" in sent.json["error"]


def test_identity_is_no_packing(app):
    assert ask(app, [b"abc"], headers={"Content-Encoding": "identity"}).body == b"abc"


def test_all_bodies_together_have_a_bound():
    room = bodies.Room(10)
    room.take(6)
    with pytest.raises(Refusal) as found:
        room.take(5)
    assert (found.value.status, found.value.retry_after) == (429, 1)
    room.give_back(6)
    room.take(10)
