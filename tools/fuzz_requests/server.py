"""A real server in a process of its own, with small limits, so that requests reach them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from plans import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = Path(__file__).resolve().parents[2] / "models"
_MODELS = {
    "digits": (
        "digits_cnn_torch.onnx",
        {"preprocess": "digits_cnn_torch.preprocess.json", "labels": "digits.labels.txt"},
    ),
    "wine": ("wine_mlp_torch.onnx", {"labels": "wine.labels.txt", "features": "wine.features.txt"}),
    "reviews": ("reviews_transformer_torch.onnx", {"vocabulary": "reviews.tokenizer.json"}),
}
_LIMITS = {
    "request-bytes": 2**20,
    "body-seconds": 1.0,
    "seconds": 10.0,
    "rows": 32,
    "waiting": 64,
    "pixels": 2**22,
    "steps": 1000,
}


def _command(port: int, tokens: Path) -> list[str]:
    """Return the command that serves some bundled models with small limits."""
    models = [f"{name}={MODELS / file}" for name, (file, _) in _MODELS.items()]
    own = [(option, f"{name}={MODELS / f}") for name, (_, some) in _MODELS.items() for option, f in some.items()]
    options = [("port", port), ("token-file", tokens), *_LIMITS.items(), *own]
    flags = [word for option, value in options for word in (f"--{option}", str(value))]
    return [sys.executable, "-m", "onnxplain", "serve", *models, *flags]


class Server:
    """A server that was started. log: the file with what it says."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    @property
    def memory(self) -> float:
        """The memory that it has resident, in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1000  # type: ignore[index]

    def tracebacks(self) -> list[str]:
        """Return the errors that it logged, one each of those that are alike."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        found = {each["traceback"].splitlines()[-1]: each["traceback"] for each in lines if "traceback" in each}
        return list(found.values())


@contextmanager
def served() -> Iterator[Server]:
    """Start a server, wait until it takes requests, and stop it in the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        log, tokens = Path(folder) / "log", Path(folder) / "tokens"
        tokens.write_text(TOKEN)
        with log.open("wb") as out, subprocess.Popen(_command(port, tokens), stderr=out, stdout=out) as process:
            server = Server(process, port, log)
            try:
                _wait(server)
                yield server
            finally:
                process.terminate()


def _wait(server: Server) -> None:
    end = monotonic() + 120
    while monotonic() < end and server.alive:
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
        except OSError:
            sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{server.log.read_text()}")
