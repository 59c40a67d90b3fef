"""Send requests to a real server that nobody sends who means well, and see whether it answers them as it states.

`python tools/fuzz_requests` sends 10,000 of them, from several clients at once, by raw sockets: bodies, headers,
shapes, binary lengths and sizes that are wrong, slow clients, half-closed sockets, wrong tokens. Between them, a good
request is answered right every time. No answer may have another status than those that are stated, or say anything of a
traceback or of a folder of this machine. What is found is printed, each kind once, with a number by which
`--only NUMBER` sends it again. It ends with 1 where anything was found.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import bodies
import click
import numpy as np
from client import MalformedError, played
from judge import faults
from plans import Plan, plan, request
from server import Server, served

import onnxplain as ox

CLIENTS = 16
BETWEEN = 50
"""After so many requests, a good one is sent."""


@dataclass
class Found:
    """What came of many requests: the answers by kind and status, the faults with the numbers that have them."""

    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    good: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def add(self, number: int, kind: str, said: list[str], statuses: list[int]) -> None:
        """Add what came of one request."""
        self.statuses.update((kind, str(status)) for status in statuses or ["none"])
        for each in said:
            self.faults.setdefault(f"{kind}: {each}", []).append(number)


def one(port: int, seed: int, number: int) -> tuple[Plan, list[str], list[int]]:
    """Send the request of a number; return what it was, what is wrong with the answers, and their statuses."""
    asked = plan(seed, number)
    try:
        answers = played(port, asked)
    except TimeoutError:
        return asked, ["it hangs"], []
    except MalformedError as problem:
        return asked, [] if asked.silent else [f"no answer of HTTP: {problem}"], []
    return asked, faults(asked, answers), [each.status for each in answers]


def good(port: int, expected: np.ndarray) -> tuple[list[str], float]:
    """Send a request that has to be answered right; return what is wrong, and how many seconds it took."""
    body = json.dumps({"instances": bodies.DIGITS.tolist(), "parameters": {"method": "gradient"}}).encode()
    start = monotonic()
    try:
        (answer,) = played(port, Plan("good", request("/v1/models/digits:explain", body)))
        rows = [each["attribution"] for each in json.loads(answer.body)["explanations"]]
    except (OSError, ValueError, KeyError, MalformedError) as problem:
        return [f"a good request: {problem!r}"], monotonic() - start
    close = np.allclose(np.array(rows, np.float32), expected, rtol=1e-4, atol=1e-6)
    return [] if close else ["a good request got another explanation"], monotonic() - start


def run(server: Server, seed: int, numbers: range) -> Found:
    """Send the requests of these numbers, and good ones between them."""
    model = ox.load(bodies.MODELS / "digits_cnn_torch.onnx")
    expected = ox.explain(model, bodies.DIGITS, "gradient").attribution
    found, send = Found(), partial(one, server.port, seed)
    with ThreadPoolExecutor(CLIENTS) as clients:
        for number, (asked, wrong, statuses) in zip(numbers, clients.map(send, numbers), strict=True):
            found.add(number, asked.kind, wrong, statuses)
            if number % BETWEEN == 0:  # while others are answered
                said, seconds = good(server.port, expected)
                found.good.append(seconds)
                found.memory.append(server.memory)
                found.add(number, "good", said, [200] * (not said))
            if not server.alive:
                found.add(number, "server", ["it has died"], [])
                clients.shutdown(wait=False, cancel_futures=True)
                break
    return found


def report(found: Found, server: Server) -> None:
    """Print what was found."""
    kinds = sorted({kind for kind, _ in found.statuses})
    for kind in kinds:
        counts = {status: n for (each, status), n in sorted(found.statuses.items()) if each == kind}
        print(f"{kind:12}", "  ".join(f"{status}: {n}" for status, n in counts.items()))
    late = np.quantile(found.good, [0.5, 0.99, 1])
    print("good requests: {} of {}; seconds, median {:.3f}, p99 {:.3f}, most {:.3f}".format(
        found.statuses["good", "200"], len(found.good), *late))  # fmt: skip
    parts = found.memory[:: max(1, len(found.memory) // 8)]
    print("memory in MB, on the way:", *(f"{each:.0f}" for each in parts), f"{found.memory[-1]:.0f}")
    for each in server.tracebacks():
        print("logged:", each)
    for fault, numbers in found.faults.items():
        print(f"FAULT {fault}: {len(numbers)} times, such as --only {numbers[0]}")


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Requests to send.")
@click.option("--seed", default=0, show_default=True)
@click.option("--start", default=0, show_default=True, help="Number of the first one.")
@click.option("--only", type=int, help="Send the request of this number alone, and print it with its answers.")
def main(count: int, seed: int, start: int, only: int | None) -> None:
    """Fuzz a server of the service with requests."""
    with served() as server:
        if only is not None:
            asked, said, _ = one(server.port, seed, only)
            print(asked)
            print(*played(server.port, asked), *said, *server.tracebacks(), sep="\n")
            return
        warm = run(server, random.Random(seed).randrange(10**9), range(200))  # noqa: S311  # what is loaded later
        found = run(server, seed, range(start, start + count))
        report(found, server)
    sys.exit(bool(found.faults or warm.faults))


if __name__ == "__main__":
    main()
