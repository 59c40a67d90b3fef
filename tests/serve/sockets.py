"""A real server in a thread, and raw sockets to it: what no client library lets one send."""

import json
import socket
import threading
from contextlib import contextmanager
from time import sleep

import uvicorn


@contextmanager
def served(app, **options):
    """Serve an application; gives the server, with its `port`."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.01)
    try:
        server.port = server.servers[0].sockets[0].getsockname()[1]
        yield server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def connection(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as found:
        yield found


def head(path="/", method="POST", **headers):
    """The head of a request; underscores in names stand for hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def answers(found):
    """All answers until the server closes: pairs of a status and a body, those of JSON read; no body that is cut."""
    data = b""
    while piece := found.recv(65536):
        data += piece
    return list(_parsed(data))


def _parsed(data):
    while data:
        first, _, data = data.partition(b"\r\n\r\n")
        lines = first.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        status = int(lines[0].split()[1])
        if status == 100:
            yield 100, b""
            continue
        size = int(headers["content-length"])
        body, data = data[:size], data[size:]
        assert len(body) == size
        yield status, json.loads(body) if headers.get("content-type") == "application/json" else body


def answer(found, *pieces):
    """Send pieces, and return the one answer that comes before the server closes."""
    for piece in pieces:
        found.sendall(piece)
    (one,) = answers(found)
    return one
