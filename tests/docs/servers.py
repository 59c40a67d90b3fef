"""Services that the examples of a page begin, at ports that are free, while the examples behind them ask them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from nets import ROOT

if TYPE_CHECKING:
    from docs.pages import Example

SERVES = re.compile(r"^onnxplain serve (?!.*--help)", re.MULTILINE)
PORT = re.compile(r"\b80(?!00)[0-9]{2}\b")
"""Ports as pages write them: 8001 to 8099."""
LONGEST = 60.0
"""Seconds at most until a service is ready, and until it has ended."""


@dataclass(frozen=True)
class Running:
    """A service that runs. port: the one that its page names."""

    port: int
    process: subprocess.Popen[bytes]


class Servers:
    """Runs the services of a page, which end with it: each by SIGTERM, after which its exit code has to be 0."""

    def __init__(self) -> None:
        self._ports: dict[int, int] = {}
        self._running: list[Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        codes = [self._end(each) for each in self._running]
        assert kind is not None or set(codes) <= {0}, codes

    def own(self, example: Example) -> Example:
        """Return an example with the ports that its services really have."""
        return replace(example, text=PORT.sub(lambda found: str(self._port(int(found[0]))), example.text))

    def begin(self, example: Example) -> None:
        """Begin the service of a block of the shell, whose last command is `onnxplain serve`; wait until it is ready.

        One that has the port already ends first.
        """
        found = PORT.search(example.text.rpartition("onnxplain serve")[2])
        port = int(found[0]) if found else 8080
        for each in [each for each in self._running if each.port == port]:
            self._running.remove(each)
            assert self._end(each) == 0, example.text
        before, _, arguments = self.own(example).text.rstrip().rpartition("onnxplain serve")
        script = f'{before}exec "{sys.executable}" -m onnxplain serve {arguments}'
        script = script if found else f"{script} --port {self._port(port)}"
        process = subprocess.Popen(["bash", "-c", SHELL + script], env=environment())  # noqa: S607
        self._running.append(Running(port, process))
        self._wait(process, f"http://127.0.0.1:{self._port(port)}/v2/health/ready")

    def _port(self, named: int) -> int:
        if named not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[named] = free.getsockname()[1]
        return self._ports[named]

    @staticmethod
    def _wait(process: subprocess.Popen[bytes], url: str) -> None:
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            assert process.poll() is None, f"the service ended with {process.returncode}"
            try:
                with urlopen(url, timeout=5):  # noqa: S310
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"{url} does not answer")

    @staticmethod
    def _end(running: Running) -> int:
        running.process.terminate()
        return running.process.wait(LONGEST)


SHELL = f"""set -euo pipefail
onnxplain() {{ "{sys.executable}" -m onnxplain "$@"; }}
curl() {{ command curl --silent --show-error --fail-with-body "$@"; }}
"""
"""What comes before each block of the shell: `onnxplain` is the one of this Python, and `curl` fails by a refusal."""


def environment() -> dict[str, Any]:
    """Return the variables with which blocks of the shell run."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path, "COLUMNS": "100"}
