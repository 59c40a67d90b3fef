"""The body of a request: how long it says it is, how long it turns out to be, and what it is packed with."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from onnxplain.serve.asgi import header
from onnxplain.serve.refusal import RETRY_AFTER, Refusal

if TYPE_CHECKING:
    from onnxplain.serve.asgi import Receive, Scope

PACKINGS = ("gzip", "deflate")
"""What a body may be packed with."""
HELD = 8
"""All requests together may hold so many times the bytes of the largest one."""
_EITHER = 32 + zlib.MAX_WBITS  # gzip or zlib, as the first bytes say


class LeftError(Exception):
    """The client left before it had sent all of its body."""


class Room:
    """The bytes of bodies that are held at the same time, which have a bound as each of them has."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0

    def take(self, size: int) -> None:
        """Take room for so many bytes. Raises Refusal where there is none."""
        if self._held + size > self._most:
            raise Refusal(429, "busy", "too many bytes of other requests are held now; try again later", RETRY_AFTER)
        self._held += size

    def give_back(self, size: int) -> None:
        """Give room back."""
        self._held -= size


def too_large(most: int) -> Refusal:
    """Return the refusal of a body of more than so many bytes."""
    return Refusal(
        413, "too_large", f"the body has more than {most} bytes, which is the most that one request may have"
    )


def declared(scope: Scope, most: int) -> int | None:
    """Return how long a body is according to its header; None where it does not say.

    Raises Refusal for a length that is no number, for two that differ, for one beside a Transfer-Encoding, for one of
    more than `most` bytes, and for a packing that is not known.
    """
    packing(scope)
    lengths = {each.strip() for value in header(scope, b"content-length") for each in value.split(b",")}
    if not lengths:
        return None
    length = lengths.pop()
    if lengths or not length.isdigit():
        raise Refusal(400, "bad_length", 'expected one "Content-Length", which is a number of bytes')
    if header(scope, b"transfer-encoding"):
        raise Refusal(400, "bad_length", "a request has a Content-Length or a Transfer-Encoding, not both")
    if len(length) > 18 or int(length) > most:
        raise too_large(most)
    return int(length)


async def read(scope: Scope, receive: Receive, most: int, room: Room) -> bytes:
    """Return the whole body of a request, as it was sent. The room that it takes is the caller's to give back.

    Raises Refusal where there are more than `most` bytes, or more or fewer than its header says; LeftError where the
    client leaves.
    """
    length = declared(scope, most)
    parts, size = [], 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise LeftError
        part = message.get("body", b"")
        room.take(len(part))
        scope["onnxplain.held"] = scope.get("onnxplain.held", 0) + len(part)
        size += len(part)
        if size > most:
            raise too_large(most)
        parts.append(part)
        more = message.get("more_body", False)
    scope["onnxplain.read"] = True
    if length is not None and length != size:
        raise Refusal(400, "bad_length", f"the body has {size} bytes, and its Content-Length says {length}")
    return b"".join(parts)


def packing(scope: Scope) -> str | None:
    """Return what a body is packed with; None for nothing. Raises Refusal for a packing that is not known."""
    names = [each.strip().lower() for value in header(scope, b"content-encoding") for each in value.split(b",")]
    packed = [name for name in names if name not in (b"", b"identity")]
    if not packed:
        return None
    name = packed[0].decode("latin-1").removeprefix("x-")
    if len(packed) > 1 or name not in PACKINGS:
        raise Refusal(415, "bad_packing", f"a body may be packed once, with {' or '.join(PACKINGS)}, or not at all")
    return name


def unpack(body: bytes, most: int) -> bytes:
    """Return a body of gzip or deflate unpacked; it never takes more than `most` bytes, whatever it holds.

    Raises Refusal where it would, and where the body is not what it says or ends too early.
    """
    unpacker = zlib.decompressobj(_EITHER)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error:
        found = b""
    if len(found) > most:
        raise too_large(most)
    if not unpacker.eof or unpacker.unused_data:
        raise Refusal(400, "bad_packing", "the body is not one whole stream of the packing that its header names")
    return found


def repack(scope: Scope, size: int) -> None:
    """Let the headers of a request describe its body as it is now: unpacked, of so many bytes."""
    gone = (b"content-encoding", b"content-length", b"transfer-encoding")
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in gone]
    scope["headers"] = [*kept, (b"content-length", b"%d" % size)]
