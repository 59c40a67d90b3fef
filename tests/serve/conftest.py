"""One application of models of every kind, for all tests that only ask it."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def wire():
    """A client of an application that serves the models of `serve.wire`, in this process."""
    pytest.importorskip("fastapi", reason="the service needs the extra serve")
    pytest.importorskip("httpx", reason="the client of the tests needs httpx")
    from serve.wire import client

    with client() as made:
        yield made
