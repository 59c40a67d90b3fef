"""Values, texts and bytes that nobody sends who means well, and changes of those that somebody does."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

TEXTS = (
    *("", "a", "0", "NaN", "gradient", "x" * 3000, "\x00", "\ud800", "\u202e", "a\nb", "💥", "ﬃ"),
    *("/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "http://localhost:1/", "C:\\x", "a.npy", "x.csv", "~"),
)
NUMBERS = (
    *(0, -1, 1, 7, 255, 2**31, 2**63, 2**64, -(2**63) - 1, 10**300, 10**4000),
    *(0.5, -0.0, 1e-320, 1e38, 1e39, 1e308, float("nan"), float("inf"), -float("inf")),
)
OTHERS = (None, True, False, {}, [], [[]], [[[[]]]], {"b64": ""}, {"b64": 3}, {"b64": "AAAA"}, {"": ""}, [None])
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POSTT", "PRI")
PATHS = (
    *("/", "/v1", "/v1/models", "/v1/models/", "/v1/models/digits", "/v1/models/none", "/v1/models/digits:train"),
    *("/v1/models/digits:explain", "/v1/models/:explain", "/v1/models/digits:explain:predict", "/v2", "/v2/"),
    *(
        "/v2/models/digits/infer",
        "/v2/models/digits-explain",
        "/v2/models/digits/versions/9/infer",
        "/v2/models//infer",
    ),
    *("/v2/health/live", "/v2/health/ready", "/v2/health", "/metrics", "/docs", "/openapi.json", "/redoc", "/explain"),
    *("/page", "/page/models", "/page/models/digits", "/static/", "/static/page.js", "/static/../service.py"),
    *("/static/..%2f..%2fservice.py", "/static/%2e%2e/page.py", "/static//etc/passwd", "/..", "//", "/%00", "/%ff%fe"),
    *("/v1/models/%2e%2e%2fdigits:explain", "/v1/models/digits%00:explain", "/v1/models/digits?x=" + "y" * 5000),
    *(
        "*",
        "http://localhost/v1/models",
        "http://evil.example/v1/models",
        "localhost:80",
        "/" + "a/" * 5000,
        "/a?%",
        "/é",
    ),
    *("/samples/digits/0", "/page/samples/digits/../x", "/v1/models/" + "m" * 9000, "/v2/repository/index", "/#"),
)
READ = (
    *("/", "/docs", "/openapi.json", "/metrics", "/static/page.js", "/v1/models", "/v2/models/digits", "/page/models"),
    *("/page/models/digits", "/v2/models/digits-explain", "/v2/health/ready"),
)
HEADERS = (
    *("Range", "Range", "If-Range", "If-Modified-Since"),
    *("Host", "Origin", "Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "Expect", "X-Request-Id"),
    *("Inference-Header-Content-Length", "Upgrade", "Connection", "Cookie", "Range", "If-None-Match", "Sec-Fetch-Site"),
    *(
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "Forwarded",
        "Transfer-Encoding",
        "TE",
        "X\x00",
        "X Y",
        "",
        "Content-Length",
    ),
)
VALUES = (
    *("", "*/*", "image/png", "application/json", "text/html", "application/x-npz", "multipart/form-data", "null"),
    *("multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 500, "application/json; charset=x"),
    *(
        "gzip",
        "deflate",
        "br",
        "gzip, gzip",
        "identity",
        "100-continue",
        "websocket",
        "Upgrade",
        "h2c",
        "close",
        "chunked",
    ),
    *("http://evil.example", "http://localhost", "evil.example", "localhost:99999", "[::1", "a, b", "cross-site", "-1"),
    *(
        "0",
        "1",
        "9" * 30,
        "1e3",
        "\x7f",
        "\xff",
        "a\x0bb",
        "bytes=0-1",
        "bytes=99999999-",
        "bytes=a-b",
        "*",
        "application/json;q=x",
        "text/*;q=0.0001",
    ),
)
LENGTHS = ("-1", "many", "", "1e3", "0x10", "+5", "5, 5", "5, 6", "9" * 18, "9" * 40, " 5 ", "5.0", "00005")
CODINGS = ("gzip", "chunked, chunked", "identity", "gzip, chunked", "xchunked", "")


def value(rng: random.Random) -> Any:
    """Return any value of JSON, and some that JSON does not have."""
    return copy.deepcopy(rng.choice((rng.choice(TEXTS), rng.choice(NUMBERS), rng.choice(OTHERS))))


def changed(given: Any, rng: random.Random, depth: int = 0) -> Any:
    """Return a value with one change somewhere within: another value, one less, one more, one deeper."""
    if given and rng.random() < (0.97 if depth < 2 else 0.8):
        if isinstance(given, dict):
            return _changed_object(given, rng, depth)
        if isinstance(given, list):
            return _changed_list(given, rng, depth)
    return value(rng)


def _changed_object(given: dict[str, Any], rng: random.Random, depth: int) -> dict[str, Any]:
    key, way = rng.choice(list(given)), rng.random()
    if way < 0.9:
        return {**given, key: changed(given[key], rng, depth + 1)}
    if way < 0.95:
        return {name: each for name, each in given.items() if name != key}
    return {**given, rng.choice((*TEXTS, "parameters", "instances", "inputs", "outputs", "id")): value(rng)}


def _changed_list(given: list[Any], rng: random.Random, depth: int) -> list[Any]:
    i, way = rng.randrange(len(given)), rng.random()
    if way < 0.7:
        return [*given[:i], changed(given[i], rng, depth + 1), *given[i + 1 :]]
    if way < 0.8:
        return given[:i] + given[i + 1 :]
    return given * rng.choice((2, 3, 40)) if way < 0.9 else [given]


def text(given: Any, rng: random.Random) -> bytes:
    """Return a value as JSON, or as something like it."""
    found = json.dumps(given, ensure_ascii=rng.random() < 0.7)
    way = rng.random()
    if way < 0.01:
        found = "[" * rng.choice((50, 5000, 200_000))
    elif way < 0.015:
        found = found.replace('"', "'")
    elif way < 0.025:
        found = found + rng.choice(("}", "null", "\x00", " " * 1000, found))
    elif way < 0.035 and found[:1] == "{":
        found = '{"instances": 1, "inputs": 2, ' + found[1:]  # names twice
    return found.encode("utf-16" if rng.random() < 0.01 else "utf-8", "surrogatepass")


def garbled(given: bytes, rng: random.Random) -> bytes:
    """Return bytes of which some are others, missing, there twice, or in another place."""
    data = bytearray(given)
    for _ in range(rng.choice((1, 2, 10))):
        at, size = rng.randrange(len(data) + 1), rng.choice((1, 1, 4, 50))
        way = rng.random()
        if way < 0.4:
            data[at : at + size] = bytes(rng.choices(range(256), k=min(size, len(data) - at)))
        elif way < 0.6:
            del data[at : at + size]
        elif way < 0.8:
            data[at:at] = data[at : at + size] * rng.choice((1, 20))
        else:
            data[at:at] = bytes(rng.choices(range(256), k=size))
    return bytes(data) if rng.random() < 0.8 else bytes(data[: rng.randrange(len(data) + 1)])
