"""Many clients in one process and one thread, which cost the server they ask as little as may be.

    python clients.py PORT SECONDS CLIENTS REQUEST [--every SECONDS]

Each client has a connection, sends the bytes of the file REQUEST, waits for the whole answer, and sends them again.
After SECONDS, what is under way is waited for. With --every, each client begins a request that often at most.

It begins when a line comes on the standard input, and prints one JSON object a line for each: the latency of each
request in milliseconds, by the order of their ends, how often each status came, the seconds that passed, and the
seconds of processor time that the clients took themselves.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from pathlib import Path

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BLOCK = 2**20


class Client:
    """A connection, which has sent a request and reads its answer."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self.began = 0.0

    def begin(self) -> None:
        """Send the request."""
        self.began, self._head, self._missing = time.perf_counter(), b"", -1
        self.socket.setblocking(True)
        self.socket.sendall(self._request)
        self.socket.setblocking(False)

    def read(self, block: memoryview) -> int | None:
        """Read what has come; return the status once all of the answer is there. Raises ConnectionError."""
        count = self.socket.recv_into(block)
        if not count:
            raise ConnectionError("the server closed a connection")
        if self._missing < 0:
            self._head += block[:count]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return None
            length = _LENGTH.search(self._head)
            self._missing = (int(length[1]) if length else 0) - (len(self._head) - end - 4)
        else:
            self._missing -= count
        return int(self._head[9:12]) if self._missing <= 0 else None


def run(clients: list[Client], seconds: float, every: float) -> dict[str, object]:
    """Let all clients ask for so many seconds; return what is printed."""
    chooser, block = selectors.DefaultSelector(), memoryview(bytearray(_BLOCK))
    start, cost = time.perf_counter(), time.process_time()
    end, found, statuses = start + seconds, [], Counter[int]()
    later = [(start + every * i / len(clients), client) for i, client in enumerate(clients)]
    while True:
        now = time.perf_counter()
        later = [] if now >= end else later
        if not later and not chooser.get_map():
            break
        for client in [each for due, each in later if due <= now]:
            client.begin()
            chooser.register(client.socket, selectors.EVENT_READ, client)
        later = [each for each in later if each[0] > now]
        wait = min((due for due, _ in later), default=now + 1) - now
        for key, _ in chooser.select(max(0.0, wait)):
            status = key.data.read(block)
            if status is not None:
                now = time.perf_counter()
                found.append(round(1000 * (now - key.data.began), 3))
                statuses[status] += 1
                chooser.unregister(key.fileobj)
                later.append((max(now, key.data.began + every), key.data))
    took = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cost}
    return {"latencies": found, "statuses": statuses, **took}


def main() -> None:
    """Connect, and ask whenever a line comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("clients", type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--every", type=float, default=0.0)
    given = parser.parse_args()
    request = given.request.read_bytes()
    for _ in sys.stdin:
        clients = [Client(given.port, request) for _ in range(given.clients)]
        print(json.dumps(run(clients, given.seconds, given.every)), flush=True)
        for each in clients:
            each.socket.close()


if __name__ == "__main__":
    main()
