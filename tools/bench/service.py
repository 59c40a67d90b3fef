"""Measure the service beside an explainer in its own process, on the same cores, as ratios of one run.

    python tools/bench serve [--rounds 5] [--seconds 6] [--clients 1 8 64] [--cases NAME ...] [--out FOLDER]

A case is a model, a method, and how many rows a request has. `onnxplain serve` runs in a process of its own and is
asked over the loopback interface, by the Open Inference Protocol with binary data both ways, by many clients in another
process that share the cores with it. In each round every contender works for some seconds, one after another: the
explainer alone with batches of several sizes, of which the fastest counts, and the service with each number of clients.
A ratio is one of two contenders of a round, and the median of all rounds counts, since other work on the machine slows
all of a round alike. A second ratio is that of the rows for each second of processor time, which other work changes
less. Meanwhile one more client asks for the health of the server, fifty times a second.

The results are written to serve.md and serve.json, in this folder or in FOLDER. Those that miss their bound are
printed, and the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from report import table, versions

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "common"))

from serving import Server, serving  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = HERE.parents[1]
DIGITS = ROOT / "models/digits_cnn_torch.onnx"
MOBILENET = ROOT.parent / "shared/models/exported/mobilenetv2-fp32-ts12.onnx"
"""Where the file is not there, torchvision's network with random weights is measured."""

MOST = 64
"""The number of clients for which there are bounds."""
THROUGHPUT = 0.85
"""The least ratio of the rate of the service to the best one of the explainer alone."""
HEALTH = 50.0
"""Milliseconds in which 99 of 100 questions for the health are answered meanwhile."""


class Case(NamedTuple):
    """What is measured. rows: of a request. alone: rows of the batches of the explainer alone. bound: see THROUGHPUT.

    There is no bound where a request has a single row of a tiny model: it costs more to carry than to explain.
    """

    name: str
    model: Path
    method: str
    shape: tuple[int, ...]
    rows: int
    alone: tuple[int, ...]
    bound: float | None


CASES = (
    Case("mobilenet_v2", MOBILENET, "gradient", (3, 224, 224), 1, (1, 16), THROUGHPUT),
    Case("digits", DIGITS, "lrp.epsilon_plus_flat", (1, 16, 16), 1, (1, 64), None),
    Case("digits x 64", DIGITS, "lrp.epsilon_plus_flat", (1, 16, 16), 64, (64, 256), THROUGHPUT),
)


class Worker:
    """A process of one of the scripts beside this one, which works when it is told to, and says what it did."""

    def __init__(self, script: str, *arguments: object) -> None:
        command = [sys.executable, str(HERE / script), *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self) -> None:
        """Let it work."""
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait until it has, and return what it did."""
        assert self._process.stdout is not None  # noqa: S101
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def request_of(case: Case) -> bytes:
    """Return the bytes of a request, of which all outputs come as binary data."""
    x = np.random.default_rng(0).normal(size=(case.rows, *case.shape)).astype("f")
    name = onnx.load(case.model, load_external_data=False).graph.input[0].name
    about = {"name": name, "shape": list(x.shape), "datatype": "FP32", "parameters": {"binary_data_size": x.nbytes}}
    asked = {"inputs": [about], "parameters": {"method": case.method, "binary_data_output": True}}
    head = json.dumps(asked).encode()
    lines = (
        "POST /v2/models/model-explain/infer HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/octet-stream",
        f"Content-Length: {len(head) + x.nbytes}",
        f"Inference-Header-Content-Length: {len(head)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + head + x.tobytes()


def measure(case: Case, clients: Sequence[int], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Return a row of results for each number of clients."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        case = case if case.model.exists() else case._replace(model=exported(folder))
        server = stack.enter_context(serving(f"model={case.model}"))
        request, health = Path(folder, "request"), Path(folder, "health")
        request.write_bytes(request_of(case))
        health.write_bytes(b"GET /v2/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        shape = "x".join(map(str, case.shape))
        alone = [Worker("alone.py", case.model, case.method, shape, seconds, batch) for batch in case.alone]
        asking = {n: Worker("clients.py", server.port, seconds, n, request) for n in clients}
        probe = Worker("clients.py", server.port, seconds, 1, health, "--every", 0.02)
        for each in (*alone, *asking.values(), probe):
            stack.callback(each.close)
        found = [one_round(case, alone, asking, probe, server) for _ in range(rounds + 1)]
        return [row(case, n, found[1:]) for n in clients]  # the first one warms up


def exported(folder: str) -> Path:
    """Write torchvision's MobileNetV2 into a folder; return its path."""
    subprocess.run([sys.executable, str(HERE / "zoo.py"), "mobilenet_v2", folder], check=True)
    return Path(folder, "mobilenet_v2.onnx")


def one_round(
    case: Case, alone: list[Worker], asking: dict[int, Worker], probe: Worker, server: Server
) -> dict[Any, Any]:
    """Let each contender work; return what it did: under "alone" in a list, under a number of clients in a dict."""
    found: dict[Any, Any] = {"alone": []}
    for each in alone:
        each.begin()
        found["alone"].append(each.end())
    for n, worker in asking.items():
        cpu, waited = server.cpu(), server.waited()
        worker.begin()
        probe.begin()
        took, health = worker.end(), probe.end()
        took |= {"server": server.cpu() - cpu, "waited": (server.waited() - waited) / took["seconds"]}
        found[n] = took | {"rows": case.rows * len(took["latencies"]), "health": health["latencies"]}
    return found


def row(case: Case, clients: int, rounds: list[dict[Any, Any]]) -> dict[str, Any]:
    """Return the row of results of a case and a number of clients."""
    mine, alone = [each[clients] for each in rounds], [each["alone"] for each in rounds]
    rate = [own["rows"] / own["seconds"] / _best(others, "seconds") for own, others in zip(mine, alone, strict=True)]
    cost = [own["rows"] / own["server"] / _best(others, "cpu") for own, others in zip(mine, alone, strict=True)]
    latencies, health = (np.concatenate([each[name] for each in mine]) for name in ("latencies", "health"))
    bounded = clients == MOST
    return {
        "case": case.name,
        "method": case.method,
        "clients": clients,
        "rate over alone": _short(median(rate)),
        "bound": case.bound if bounded else None,
        "rows a cpu second over alone": _short(median(cost)),
        "p50 ms": _short(np.percentile(latencies, 50)),
        "p99 ms": _short(np.percentile(latencies, 99)),
        "health p99 ms": _short(np.percentile(health, 99)),
        "health bound": HEALTH if bounded else None,
        "loop waited for a core": _short(median(each["waited"] for each in mine)),
        "cpu of clients over server": _short(median(each["cpu"] / each["server"] for each in mine)),
        "statuses": " ".join(sorted({status for each in mine for status in each["statuses"]})),
    }


def _best(alone: list[dict[str, Any]], per: str) -> float:
    """Return the most rows per second, of the clock or of the processor, of an explainer alone."""
    return float(max(each["rows"] / each[per] for each in alone))


def _short(value: Any) -> float:
    return float(f"{value:.3g}")


def missed(each: dict[str, Any]) -> list[str]:
    """Return the columns of a row that miss their bound."""
    late = {
        "rate over alone": each["bound"] is not None and each["rate over alone"] < each["bound"],
        "health p99 ms": each["health bound"] is not None and each["health p99 ms"] > each["health bound"],
        "statuses": each["statuses"] != "200",
    }
    return [name for name, holds in late.items() if holds]


def main(arguments: Sequence[str]) -> None:
    """Measure, write the results, and print those that miss their bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, MOST])
    parser.add_argument("--cases", nargs="+", default=[each.name for each in CASES])
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)  # before measuring: if it cannot be made, no results are lost
    rows = []
    for case in [each for each in CASES if each.name in given.cases]:
        rows += measure(case, given.clients, given.rounds, given.seconds)
        print(f"{case.name}: done", file=sys.stderr)
    about = versions() | {"rounds": str(given.rounds), "seconds": str(given.seconds)}
    (given.out / "serve.json").write_text(json.dumps({"about": about, "rows": rows}, separators=(",", ":")) + "\n")
    (given.out / "serve.md").write_text(table(rows, about))
    print(table(rows, about))
    late = [f"{each['case']}, {each['clients']} clients: {', '.join(what)}" for each in rows if (what := missed(each))]
    print("\n".join(f"missed: {line}" for line in late), file=sys.stderr)
    sys.exit(1 if late else 0)
