"""Load the service with everything at once for some minutes, and see what it answers and what memory it takes.

    python tools/load [--minutes 10] [--clients 12] [--warm-up 3] [--out FILE] [-- OPTIONS OF onnxplain serve]

Clients ask for maps by several methods of several models, by both protocols and as files, for predictions, the page and
metadata; they ask for what does not exist, and in ways that are wrong; some leave before they are answered; and now and
then more come at once than there is room for. What counts:

- every answer has a status that it may have: 200 for what is right, 429 or 503 where there is no room, and 400 to 422
  for what is wrong;
- in the last minute the server's memory, its mean and its least, is no more than 5 % above that of the first minute
  after the warm-up; between them it goes up and down with the explainers that are kept and the rows under way;
- no line of its log is an error, no thread stays, it answers afterwards, and ends with code 0.

A line is printed for each minute, and the exit code is 1 where one of these does not hold. It reads /proc, and so runs
on Linux alone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "common"))

from mixture import BUSY, MODELS, OPTIONS, SERVED, Asked, draw, long_one  # noqa: E402
from serving import Server, serving  # noqa: E402

if TYPE_CHECKING:
    from numpy.random import Generator

WAITING = 64
"""Requests that the server lets wait."""
GROWTH = 1.05
BURST_EVERY = 20.0
HEALTH = b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Load:
    """Clients that ask for as long as they may. answers: how often each kind of request got each status."""

    def __init__(self, server: Server) -> None:
        self.server, self.over, self.wrong = server, Event(), list[str]()
        self.answers: dict[str, Counter[int]] = defaultdict(Counter)
        self._lock = Lock()

    def client(self, rng: Generator, pause: float) -> None:
        """Ask, one request after another."""
        connection = self._connected()
        while not self.over.is_set():
            name, asked = draw(rng)
            if asked.leaves:
                self._leave(asked, float(rng.uniform(0, 0.3)))
                self.note(name, 0, asked)
                continue
            try:
                self.note(name, self._status(connection, asked), asked)
            except (OSError, http.client.HTTPException) as problem:
                self.note(name, -1, asked, repr(problem))
                connection = self._connected()
            time.sleep(float(rng.exponential(pause)))

    def bursts(self, rng: Generator) -> None:
        """Ask for more at once than there is room for, now and then."""
        while not self.over.wait(BURST_EVERY):
            many = [Thread(target=self._once, args=(long_one(rng),)) for _ in range(2 * WAITING)]
            for each in many:
                each.start()
            for each in many:
                each.join()

    def note(self, name: str, status: int, asked: Asked, why: str = "") -> None:
        """Count an answer; keep those that may not be."""
        with self._lock:
            self.answers[name][status] += 1
            if status not in asked.expected and not asked.leaves:
                self.wrong.append(f"{name}: {asked.method} {asked.path} {asked.body[:120]!r}: {status} {why}")

    def _once(self, asked: Asked) -> None:
        try:
            self.note("burst", self._status(self._connected(), asked), asked)
        except (OSError, http.client.HTTPException) as problem:
            self.note("burst", -1, asked, repr(problem))

    def _status(self, connection: http.client.HTTPConnection, asked: Asked) -> int:
        connection.request(asked.method, asked.path, asked.body or None, asked.headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 500 and answer.status not in BUSY:
            raise http.client.HTTPException(f"{answer.status}: {body[:300]!r}")
        return answer.status

    def _leave(self, asked: Asked, after: float) -> None:
        """Send a request, and close the connection."""
        lines = [f"{asked.method} {asked.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(asked.body)}"]
        lines += [f"{name}: {value}" for name, value in asked.headers.items()]
        with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + asked.body)
            time.sleep(after)

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)


class Health:
    """A process that asks for the health of the server, 25 times a second."""

    def __init__(self, port: int, folder: Path, seconds: float) -> None:
        (folder / "health").write_bytes(HEALTH)
        script, request = HERE.parent / "bench/clients.py", folder / "health"
        command = [sys.executable, str(script), str(port), str(seconds), "1", str(request), "--every", "0.04"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def latencies(self) -> list[float]:
        """Return milliseconds, each of one question, of as many seconds as were asked for."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018, S101
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return list(json.loads(self._process.stdout.readline())["latencies"])

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def minutes(load: Load, health: Health, count: int) -> list[dict[str, Any]]:
    """Return what was seen in each minute, and print it."""
    found = []
    for i in range(count):
        sampler, samples, over = None, list[dict[str, int]](), Event()
        sampler = Thread(target=_sample, args=(load.server, samples, over))
        sampler.start()
        latencies = health.latencies()
        over.set()
        sampler.join()
        total = sum(load.answers.values(), Counter[int]())
        row = {
            "minute": i,
            **{f"{name} MB": round(np.mean([s[name] for s in samples]) / 1e6, 1) for name in ("Anonymous", "Rss")},
            "least Rss MB": round(min(s["Rss"] for s in samples) / 1e6, 1),
            "most Rss MB": round(max(s["Rss"] for s in samples) / 1e6, 1),
            "threads": load.server.threads(),
            "health p50 ms": round(float(np.percentile(latencies, 50)), 1),
            "health p99 ms": round(float(np.percentile(latencies, 99)), 1),
            "answers": dict(sorted(total.items())),
            "wrong": len(load.wrong),
        }
        found.append(row)
        print(json.dumps(row), flush=True)
    return found


def _sample(server: Server, samples: list[dict[str, int]], over: Event) -> None:
    while not over.wait(1.0) or not samples:
        samples.append(server.memory())


def run(server: Server, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Load a server; return what is reported."""
    load, seeds = Load(server), np.random.SeedSequence(given.seed).spawn(given.clients + 1)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    threads = [Thread(target=load.client, args=(rng, given.pause)) for rng in rngs[1:]]
    threads.append(Thread(target=load.bursts, args=(rngs[0],)))
    for each in threads:
        each.start()
    health = Health(server.port, folder, given.seconds)
    rows = minutes(load, health, given.warm_up + given.minutes)
    load.over.set()
    for each in threads:
        each.join()
    health.close()
    first, last = rows[given.warm_up], rows[-1]
    return {
        "minutes": rows,
        "answers": {name: dict(sorted(counts.items())) for name, counts in sorted(load.answers.items())},
        "wrong": load.wrong,
        "said": server.said,
        "growth": {name: round(last[name] / first[name], 4) for name in ("Rss MB", "least Rss MB")},
    }


def missed(found: dict[str, Any]) -> list[str]:
    """Return what does not hold, in words."""
    late = [f"{name} grew by the factor {by}" for name, by in found["growth"].items() if by > GROWTH]
    late += [f"{len(found['wrong'])} answers may not be, such as: {found['wrong'][0]}"] if found["wrong"] else []
    late += [f"its log says: {found['said'][0]}"] if found["said"] else []
    return late + ([f"it ended with {found['code']}"] if found["code"] else [])


def main() -> None:
    """Load a server, and say what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0, help="of what is called a minute")
    parser.add_argument("--pause", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("options", nargs="*")
    given = parser.parse_args()
    models = [f"{name}={MODELS / path}" for name, path in SERVED.items()]
    # other work on the machine must not make an answer come too late
    bounds = ["--waiting", WAITING, "--explainers", 8, "--seconds", 600]
    with tempfile.TemporaryDirectory() as folder:
        with serving(*models, *OPTIONS, *bounds, *given.options) as server:
            found = run(server, Path(folder), given)
        found["code"] = server.process.returncode
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({name: found[name] for name in ("answers", "growth")}, indent=1))
    late = missed(found)
    print("\n".join(f"missed: {each}" for each in late), file=sys.stderr)
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    main()
