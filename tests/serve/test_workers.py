"""Several processes behind one port."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")
import httpx
from nets import ROOT
from serve.running import DIGITS, running, until
from serve.test_process import LONG, explained, waiting

CHILDREN = "/proc/{0}/task/{0}/children"
pytestmark = pytest.mark.skipif(not Path(CHILDREN.format(os.getpid())).exists(), reason="processes are found by /proc")


def children(process):
    """The numbers of the processes that a process has begun."""
    return set(map(int, Path(CHILDREN.format(process.pid)).read_text().split()))


def is_there(pid):
    """Whether a process runs; one that has ended may not be cleared away yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processes_share_a_port_are_replaced_and_end_together():
    with running(*DIGITS, "--workers", 2) as service, ThreadPoolExecutor(4) as clients:
        url = service.url()
        first = children(service.process)
        assert len(first) == 2
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        service.wait_for("a process of the service ended .by signal 9.; another one takes its place")
        until(lambda: len(children(service.process) - {killed}) == 2)
        asked = [clients.submit(explained, url, **LONG, target=target) for target in range(4)]
        until(lambda: waiting(url) == 4)  # of both processes
        service.process.send_signal(signal.SIGTERM)
        assert [each.result().status_code for each in asked] == [200] * 4
        left = children(service.process)
        assert service.ends() == 0
        assert not any(map(is_there, left | first))


@pytest.mark.slow
def test_processes_end_where_the_one_that_began_them_is_killed():
    with running(*DIGITS, "--workers", 2) as service:
        service.url()
        begun = children(service.process)
        service.process.kill()
        until(lambda: not any(map(is_there, begun)))


@pytest.mark.slow
def test_a_second_signal_ends_all_processes_at_once():
    with running(*DIGITS, "--workers", 2) as service, ThreadPoolExecutor(1) as clients:
        url = service.url()
        begun = children(service.process)
        asked = clients.submit(explained, url, method="rise", samples=10_000)
        until(lambda: waiting(url) == 1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("ending: 1 requests")
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() == -signal.SIGTERM
        assert isinstance(asked.exception(), httpx.TransportError)
        until(lambda: not any(map(is_there, begun)))


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_all_with_its_error():
    with running(ROOT / "README.md", "--workers", 2) as service:
        assert service.ends() == 4
        assert "README.md" in "".join(service.said) and "Traceback" not in "".join(service.said)
