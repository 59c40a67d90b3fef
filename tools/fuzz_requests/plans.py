"""What a client does: bytes that it sends, pauses, and how it leaves. Each is made anew from a seed and a number."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import bodies
import odd

TOKEN = "fuzz-4f1c9d"  # noqa: S105  # of a server that lives as long as this tool
PAUSE, HALF, LEAVE = "pause", "half", "leave"
_BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Plan:
    """What one client does.

    kind: its name. steps: bytes to send, (PAUSE, seconds), HALF to end its side, LEAVE to close without listening.
    silent: whether it may stay without an answer. allowed: the statuses that it may get; None for all that are stated.
    """

    kind: str
    steps: list[Any] = field(default_factory=list)
    silent: bool = False
    allowed: frozenset[int] | None = None


def plan(seed: int, number: int) -> Plan:
    """Return what the client of this number does."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311
    kinds, weights = zip(*_KINDS.items(), strict=True)
    (make,) = rng.choices(kinds, weights)
    found = make(rng)
    found.kind = make.__name__.strip("_")
    return found


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def request(path: str, body: bytes, *, method: str = "POST", **headers: str) -> list[Any]:
    """Return the steps of a sound request."""
    given = {"Host": "localhost", "Connection": "close", **_BEARER, "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return [head(method, path, given) + body]


def good(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return the path, the body and the headers of a request that is answered with 200."""
    return rng.choice(bodies.GOOD)(rng)


# kinds --------------------------------------------------------------------------------------------------------------


def _sound(rng: random.Random) -> Plan:
    path, body, headers = good(rng)
    return Plan("", request(path, body, **headers), allowed=frozenset({200, 429, 504}))


def _json(rng: random.Random) -> Plan:
    path, value = bodies.value(rng)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        value = odd.changed(value, rng)
    return Plan("", request(path, odd.text(value, rng)))


def _parameters(rng: random.Random) -> Plan:
    path, value = bodies.value(rng, explains=True)
    value["parameters"] = bodies.parameters(rng)
    return Plan("", request(path, odd.text(value, rng)))


def _binary(rng: random.Random) -> Plan:
    path, body, headers = bodies.binary(rng)
    return Plan("", request(path, body, **headers))


def _bytes(rng: random.Random) -> Plan:
    path, body, headers = good(rng)
    return Plan("", request(path, odd.garbled(body, rng), **headers))


def _files(rng: random.Random) -> Plan:
    return Plan("", request(*bodies.file(rng)))


def _forms(rng: random.Random) -> Plan:
    path, body, headers = bodies.form(rng)
    return Plan("", request(path, odd.garbled(body, rng) if rng.random() < 0.15 else body, **headers))


def _tokens(rng: random.Random) -> Plan:
    some = "".join(rng.choices("abc\x7f\xff=+", k=rng.choice((1, 20, 5000))))
    known = (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN} {TOKEN}")
    wrong = rng.choice((*known, "", "Bearer", f"Bearer {some}"))
    path, body, headers = good(rng)
    path = rng.choice((path, "/metrics", "/v1/models", "/v2/models/digits", "/docs", "/openapi.json"))
    return Plan("", request(path, body, **{**headers, "Authorization": wrong}), allowed=frozenset({400, 401}))


def _headers(rng: random.Random) -> Plan:
    path, body, headers = good(rng)
    method = "POST"
    if rng.random() < 0.3:
        path, body, method = rng.choice(odd.READ), b"", "GET"
    for _ in range(rng.choice((1, 1, 3))):
        headers[rng.choice(odd.HEADERS)] = rng.choice((*odd.VALUES, "x" * rng.choice((1, 1000, 70_000))))
    return Plan("", request(path, body, method=method, **headers), silent=True)


def _addresses(rng: random.Random) -> Plan:
    _, body, headers = good(rng)
    path = rng.choice(odd.PATHS)
    if rng.random() < 0.5:
        path = odd.garbled(path.encode(), rng).decode("latin-1").replace(" ", "+") or "/"
    method = rng.choice((*odd.METHODS, "POST", "GET"))
    return Plan("", request(path, body if rng.random() < 0.5 else b"", method=method, **headers), silent=True)


def _lengths(rng: random.Random) -> Plan:
    path, body, headers = good(rng)
    lie = rng.choice([*odd.LENGTHS, str(len(body) + rng.choice((-5, -1, 1, 1000))), str(10 ** rng.randrange(3, 30))])
    steps = request(path, body, **{**headers, "Content-Length": lie})
    return Plan("", [*steps, rng.choice((HALF, (PAUSE, 0.0)))], silent=True)


def _pieces(rng: random.Random) -> Plan:
    """A body in pieces, whose sizes may lie."""
    path, body, headers = good(rng)
    given = {"Host": "localhost", "Connection": "close", **_BEARER, "Transfer-Encoding": "chunked", **headers}
    given.pop("Content_Length", None)
    given |= rng.choice(({}, {}, {"Content-Length": "5"}, {"Transfer-Encoding": rng.choice(odd.CODINGS)}))
    cut = rng.randrange(len(body) + 1)
    pieces = [body[:cut], body[cut:], *([bytes(300_000)] * rng.choice((0, 0, 6)))]
    sizes = [rng.choice((b"%x", b"%x", b"%x", b"-%x", b"0x%x", b"%x;a=b", b"%xg", b"fffffffff%x")) for _ in pieces]
    steps = [size % len(p) + b"\r\n" + p + b"\r\n" for size, p in zip(sizes, pieces, strict=True) if p]
    last = rng.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\nAuthorization: no\r\n\r\n", b"", b"0\r\n"))
    names = {name.replace("_", "-"): value for name, value in given.items()}
    return Plan("", [head("POST", path, names), *steps, last, HALF], silent=True)


def _slow(rng: random.Random) -> Plan:
    """A client that sends a byte now and then, and perhaps goes in the middle."""
    path, body, headers = good(rng)
    (whole,) = request(path, body, **headers)
    start = rng.randrange(len(whole))
    drops = [step for i in range(start, min(start + 30, len(whole))) for step in (whole[i : i + 1], (PAUSE, 0.08))]
    end = rng.choice(([], [LEAVE], [HALF], [whole[start + 30 :]]))
    return Plan("", [whole[:start], *drops, *end], silent=True)


def _leaving(rng: random.Random) -> Plan:
    path, body, headers = good(rng)
    (whole,) = request(path, body, **headers)
    cut = rng.choice((rng.randrange(len(whole)), len(whole)))
    return Plan("", [whole[:cut], (PAUSE, rng.choice((0.0, 0.0, 0.01, 0.05))), rng.choice((HALF, LEAVE))], silent=True)


def _pipelined(rng: random.Random) -> Plan:
    """Several requests at once, and perhaps nonsense behind them."""
    steps = []
    for _ in range(rng.randrange(2, 6)):
        path, body, headers = good(rng)
        steps += request(path, body, **{**headers, "Connection": "keep-alive"})
    end = rng.choice((b"nonsense\r\n\r\n", bytes(rng.choices(range(256), k=100)), b""))
    last = request("/v2/health/live", b"", method="GET")
    return Plan("", [b"".join([*steps, end or last[0]])], silent=bool(end))


def _nonsense(rng: random.Random) -> Plan:
    some = bytes(rng.choices(range(256), k=rng.choice((1, 20, 1000, 100_000))))
    path, body, headers = good(rng)
    (whole,) = request(path, body, **headers)
    size = whole.index(b"\r\n\r\n") + 4
    return Plan("", [rng.choice((some, odd.garbled(whole[:size], rng) + body)), HALF], silent=True)


_KINDS = {
    _sound: 5,
    _json: 30,
    _parameters: 12,
    _binary: 12,
    _bytes: 10,
    _files: 6,
    _forms: 6,
    _tokens: 6,
    _headers: 8,
    _addresses: 8,
    _lengths: 5,
    _pieces: 6,
    _slow: 2,
    _leaving: 6,
    _pipelined: 3,
    _nonsense: 6,
}
"""How often each kind comes, in proportion."""
