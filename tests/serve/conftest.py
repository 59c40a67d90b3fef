"""One application of models of every kind, for all tests that only ask it: in this process, and behind a server."""

from __future__ import annotations

import socket
import threading
import time

import pytest


@pytest.fixture(scope="session")
def wire():
    """A client of an application that serves the models of `serve.wire`, in this process."""
    pytest.importorskip("fastapi", reason="the service needs the extra serve")
    pytest.importorskip("httpx", reason="the client of the tests needs httpx")
    from serve.wire import client

    with client() as made:
        yield made


@pytest.fixture(scope="session")
def address():
    """The address of a server of the same models, which runs in a thread."""
    uvicorn = pytest.importorskip("uvicorn", reason="the service needs the extra serve")
    from serve.wire import application_of_all

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application_of_all(), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
