"""A small server of HTTP that answers as a predictor does, and in every wrong way."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

WEIGHTS = np.random.default_rng(0).normal(size=(5, 3))
ROWS = np.random.default_rng(1).normal(size=(2, 5))


def scores(x):
    return np.asarray(x) @ WEIGHTS


class Answer:
    """What is answered: status, body (bytes, or a value that is sent as JSON) and headers."""

    def __init__(self, body, status=200, **headers):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def predicting(answer):
    """Serve at a port of this machine; gives its address, and what was asked as pairs of a path and headers.

    answer: from a path and a body, None for GET, to an `Answer`, or to None for a connection that breaks.
    """
    asked, doors = [], []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            doors.append(self.client_address)

        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            self._send(answer(self.path, None))

        def do_POST(self):
            asked.append((self.path, dict(self.headers)))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(answer(self.path, body))

        def _send(self, found):
            if found is None:
                self.close_connection = True
                return
            self.send_response(found.status)
            for name, value in ({"Content-Length": str(len(found.body))} | found.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that has left
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    server.asked, server.doors, server.address = asked, doors, f"127.0.0.1:{server.server_port}"
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def v1(path, body):
    """The model `lin` by KServe's V1."""
    if path != "/v1/models/lin:predict":
        return Answer({"error": f"there is no {path}"}, 404)
    return Answer({"predictions": scores(json.loads(body)["instances"]).tolist()})
