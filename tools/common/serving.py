"""The command `onnxplain serve` in a process of its own, for tools that ask it for much."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERYDAY = re.compile(r"\{.*\"level\": \"(info|warning)\"")
_READY = re.compile(r"serving .* at http://127\.0\.0\.1:(\d+)")


@dataclass
class Server:
    """A process that serves on the loopback address.

    said: what it has written to the standard error that is no line of its log, and errors of the log.
    """

    process: subprocess.Popen[str]
    port: int = 0
    said: list[str] = field(default_factory=list)

    def read(self, lines: IO[str]) -> None:
        """Note what it says, until it ends."""
        for line in lines:
            if not _EVERYDAY.match(line) and len(self.said) < 1000:
                self.said.append(line)

    def cpu(self) -> float:
        """Return the seconds of processor time that it has taken."""
        fields = self._told("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited(self) -> float:
        """Return the seconds for which its event loop was ready to run and had no core."""
        return int(self._told(f"task/{self.process.pid}/schedstat").split()[1]) / 1e9

    def memory(self) -> dict[str, int]:
        """Return bytes: Rss, what is resident, and Anonymous, which of this is no part of a file."""
        found = re.findall(r"^(Rss|Anonymous): +(\d+) kB", self._told("smaps_rollup"), re.MULTILINE)
        return {name: int(value) * 1024 for name, value in found}

    def threads(self) -> int:
        """Return how many threads it has."""
        return int(re.findall(r"^Threads:\s+(\d+)", self._told("status"), re.MULTILINE)[0])

    def _told(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()


@contextmanager
def serving(*arguments: object) -> Iterator[Server]:
    """Yield a server that is ready, and end it. Raises SystemExit where it does not start."""
    command = [sys.executable, "-m", "onnxplain", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None  # noqa: S101
    server, before = Server(process), []
    try:
        for line in process.stderr:
            before.append(line)
            if found := _READY.search(line):
                server.port = int(found[1])
                break
        else:
            raise SystemExit(f"the server did not start:\n{''.join(before)}")
        Thread(target=server.read, args=(process.stderr,), daemon=True).start()
        yield server
    finally:
        process.terminate()
        process.wait()
