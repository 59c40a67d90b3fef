"""A client that sends what it is told to, by a raw socket, and reads whatever is answered."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from plans import HALF, LEAVE

if TYPE_CHECKING:
    from plans import Plan

PATIENCE = 30.0
"""Seconds after which a server that neither answers nor closes is said to hang."""


@dataclass
class Answer:
    """One answer. body: of as many bytes as its header says."""

    status: int
    headers: dict[str, str]
    body: bytes


class MalformedError(Exception):
    """What came back is no answer of HTTP."""


def played(port: int, plan: Plan) -> list[Answer]:
    """Do what a plan says, and return the answers that come before the server closes.

    Raises TimeoutError where it neither answers nor closes, MalformedError for anything that is no answer.
    """
    data = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as found:
        with suppress(ConnectionError):
            for step in plan.steps:
                if isinstance(step, bytes):
                    found.sendall(step)
                elif step == HALF:
                    found.shutdown(socket.SHUT_WR)
                elif step == LEAVE:
                    return []
                elif select.select([found], [], [], step[1])[0]:
                    break  # the server has answered, or has had enough
        with suppress(ConnectionError):
            while piece := _piece(found, data, plan):
                data += piece
    return answers(data)


def _piece(found: socket.socket, data: bytes, plan: Plan) -> bytes:
    """Return what comes next; b"" at the end, and where no more is to come on a connection that is kept open."""
    end = monotonic() + PATIENCE
    while monotonic() < end:
        if select.select([found], [], [], 0.3 if plan.silent else PATIENCE)[0]:
            return found.recv(2**18)
        with suppress(MalformedError):
            if plan.silent and answers(data):
                return b""
    raise TimeoutError


def answers(data: bytes) -> list[Answer]:
    """Return the answers that bytes are. Raises MalformedError where they are none, or the last one is cut."""
    found = []
    while data:
        top, end, data = data.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        if not end or len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise MalformedError(repr(top[:200]))
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        status, size = int(words[1]), int(headers.get("content-length", 0))
        if status == 100:
            continue
        # what answers HEAD has a length and no content
        body = data[:size] if not data.startswith(b"HTTP/1.") else b""
        data = data[len(body) :]
        found.append(Answer(status, headers, body))
    return found
