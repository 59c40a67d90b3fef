"""The command `onnxplain serve` in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from threading import Thread

from nets import BUNDLED

DIGITS = ("digits=" + str(BUNDLED / "digits_cnn_torch.onnx"), "--labels", str(BUNDLED / "digits.labels.txt"))


class Running:
    """A process that serves. said: the lines that it has written to stderr so far."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "onnxplain", "serve", "--port", "0", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.said = []
        self._reader = Thread(target=lambda: self.said.extend(iter(self.process.stderr.readline, "")), daemon=True)
        self._reader.start()

    def url(self):
        """The address, once the process has said that it is ready."""
        said = self.wait_for(r"serving .* at (http://\S+)")
        return said[1]

    def wait_for(self, pattern, seconds=120):
        """Wait for a line on stderr, and return where it matches."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            if ended:
                self._reader.join()
            for line in list(self.said):
                if found := re.search(pattern, line):
                    return found
            assert not ended, f"it ended with {self.process.returncode}: {''.join(self.said)}"
            time.sleep(0.02)
        raise AssertionError(f"{pattern} was not said: {''.join(self.said)}")

    def ends(self, seconds=120):
        """Wait until it ends, and return the exit code."""
        code = self.process.wait(seconds)
        self._reader.join()
        return code


@contextmanager
def running(*arguments):
    """Yield a process that serves, and end it."""
    made = Running(*arguments)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.terminate()
            try:
                made.process.wait(30)
            except subprocess.TimeoutExpired:
                made.process.kill()
        made.process.wait()
        made._reader.join()
        made.process.stderr.close()


def until(true, seconds=120):
    """Wait until a function says that something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def requests_in(said):
    """The requests that a log has a line for, as dicts."""
    lines = (json.loads(line) for line in said if line.startswith("{"))
    return [line for line in lines if "status" in line]
