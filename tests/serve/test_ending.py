"""The service is told to end while many ask: all that was sent before is answered."""

from __future__ import annotations

import http.client
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from urllib.parse import urlsplit

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
from serve.running import DIGITS, running

CLIENTS = 24
BODY = json.dumps(
    {
        "instances": np.random.default_rng(0).normal(size=(2, 1, 16, 16)).tolist(),
        "parameters": {"method": "smoothgrad", "samples": 60},
    }
)


def client(url, told):
    """The status of each request, and whether it was sent before the service was told to end."""
    found, connection = [], http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    while not found or found[-1][0] == 200:
        before, status = not told.is_set(), None
        try:
            connection.request("POST", "/v1/models/digits:explain", BODY, {"Content-Type": "application/json"})
            before = before and not told.is_set()
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):  # nobody listens any more
            connection.close()
        found.append((status, before))
    return found


@pytest.mark.slow
def test_nothing_that_was_sent_is_lost_when_the_service_ends_under_load():
    told = Event()
    with running(*DIGITS) as service, ThreadPoolExecutor(CLIENTS) as pool:
        url = service.url()
        clients = [pool.submit(client, url, told) for _ in range(CLIENTS)]
        time.sleep(3)
        told.set()
        service.process.send_signal(signal.SIGTERM)
        found = [each for one in clients for each in one.result()]
        assert service.ends() == 0
    early = [status for status, before in found if before]
    late = [status for status, before in found if not before]
    assert len(early) >= CLIENTS and set(early) == {200}
    assert set(late) <= {200, 503, None}
