"""The service as a process: it answers what it has accepted before it ends, and refuses what comes meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")
import httpx
import uvicorn
from serve.running import DIGITS, running, until

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.serve import requests
from onnxplain.serve.process import Server, bound, is_loopback, url_of

X = np.random.default_rng(0).normal(size=(1, 1, 16, 16)).astype("f")
LONG = {"rows": 4, "method": "rise", "samples": 5000}


def explained(url, rows=1, **parameters):
    given = {"instances": X.repeat(rows, 0).tolist(), "parameters": parameters}
    return httpx.post(f"{url}/v1/models/digits:explain", json=given, timeout=120)


def waiting(url):
    """How many requests are accepted and not answered."""
    found = re.search(r"^onnxplain_waiting (\S+)", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return float(found[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_what_was_accepted_is_answered_before_the_process_ends(number):
    with running(*DIGITS) as service, ThreadPoolExecutor(3) as clients:
        url = service.url()
        found = explained(url, method="gradient", target=3).json()["explanations"][0]["attribution"]
        expected = ox.explain(ox.load(DIGITS[0].partition("=")[2]), X, "gradient", target=3).attribution[0]
        assert np.asarray(found) == pytest.approx(expected, abs=1e-6)
        asked = [clients.submit(explained, url, **LONG, target=target) for target in range(3)]
        until(lambda: waiting(url) == 3)
        service.process.send_signal(number)
        service.wait_for("ending: 3 requests are answered first")
        refused = explained(url, method="gradient")
        assert refused.status_code == 503 and refused.json()["code"] == "draining"
        assert int(refused.headers["retry-after"]) > 0 and refused.headers["connection"] == "close"
        answers = [each.result() for each in asked]
        assert [each.status_code for each in answers] == [200] * 3
        assert [each.json()["explanations"][0]["target"] for each in answers] == [0, 1, 2]
        assert service.ends() == 0
        with pytest.raises(httpx.ConnectError):
            explained(url)


def test_the_first_process_of_a_container_ends_at_once_too():
    """Linux spares it from signals that nothing handles; here none of them arrives."""
    ends = (
        "import signal; signal.raise_signal = print; from onnxplain.serve.process import end_at_once; end_at_once(15)"
    )
    assert subprocess.run([sys.executable, "-c", ends], check=False, capture_output=True).returncode == 143


def test_a_second_signal_ends_the_process_at_once():
    with running(*DIGITS, "--seconds", 600) as service, ThreadPoolExecutor(1) as clients:
        url = service.url()
        asked = clients.submit(explained, url, rows=16, method="rise", samples=10_000)
        until(lambda: waiting(url) == 1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("ending: 1 requests")
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() == -signal.SIGTERM
        assert isinstance(asked.exception(), httpx.TransportError)


def test_what_ends_the_service_belongs_to_no_request():
    async def ended():
        app = SimpleNamespace(state=SimpleNamespace(service=None))
        loop = asyncio.get_running_loop()
        server, seen = Server(uvicorn.Config(app, log_config=None), print), loop.create_future()
        server._loop, server._begin_to_end = loop, lambda: seen.set_result(requests.request_id())
        requests.begin("of-a-request")
        server.handle_exit(signal.SIGTERM, None)
        return await seen

    assert asyncio.run(ended()) == ""


def test_a_socket_is_bound_and_named():
    with bound("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}" and is_loopback(listener)
        listener.listen()
        with pytest.raises(UsageError, match=f"port {port} of '127.0.0.1': another process listens there.*--port 0"):
            bound("127.0.0.1", port)
    with bound("0.0.0.0", 0) as listener:  # noqa: S104
        assert url_of(listener) == f"http://localhost:{listener.getsockname()[1]}" and not is_loopback(listener)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_addresses_of_the_sixth_version_are_in_brackets():
    try:
        listener = bound("::1", 0)
    except UsageError as why:
        pytest.skip(f"this machine has no loopback of IPv6: {why}")
    with listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}" and is_loopback(listener)


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "a" * 300, "\0"])
def test_an_address_that_is_not_of_this_machine_is_refused_by_name(host):
    with pytest.raises(UsageError, match=re.escape(repr(host))):
        bound(host, 0)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="every port is free to the superuser")
def test_a_port_that_needs_rights_is_refused_with_the_reason():
    with pytest.raises(UsageError, match=r"port 80 of '127\.0\.0\.1'"):
        bound("127.0.0.1", 80)
