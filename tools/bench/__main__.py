"""Measure explanations as ratios: over a plain forward run of the same file, and over the peers that are installed.

    python tools/bench [--networks resnet50 vgg16] [--batches 1 8] [--rounds 3]

One process per contender, contenders in turn, the median of the rounds. Writes tools/bench/cpu.md and cpu.json, and
exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from zoo import NETWORKS

HERE = Path(__file__).resolve().parent
METHODS = ("gradient", "lrp.epsilon", "lrp.epsilon_plus_flat", "deeplift")
PEERS = {
    "gradient": ("torch:gradient", "torch", NETWORKS),
    "lrp.epsilon": ("zennit:epsilon", "zennit", ("resnet50",)),
    "lrp.epsilon_plus_flat": ("zennit:epsilon_plus_flat", "zennit", ("resnet50",)),
    "deeplift": ("captum:deeplift", "captum", ("vgg16",)),
}
BOUNDS = {  # over a forward, over the peer; batch 1
    ("vgg16", "gradient"): (2.35, None),
    ("resnet50", "gradient"): (2.5, 0.8),
    ("mobilenet_v2", "gradient"): (3.4, None),
    ("densenet121", "gradient"): (2.7, None),
    ("resnet50", "lrp.epsilon"): (2.8, 0.3),
    ("resnet50", "lrp.epsilon_plus_flat"): (4.2, 0.35),
    ("vgg16", "deeplift"): (2.6, 0.4),
}


def seconds(contender: str, network: str, folder: str, batch: int) -> float | None:
    """Median seconds of one contender in a process of its own; None where it fails."""
    command = [sys.executable, str(HERE / "contenders.py"), contender, network, folder, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{network}: {contender} failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return float(done.stdout)


def compare(network: str, batch: int, rounds: int, folder: str) -> list[dict[str, Any]]:
    """One row a method: its ratio over a forward and over its peer."""
    peers = {m: name for m, (name, package, nets) in PEERS.items() if network in nets and find_spec(package)}
    names = ["forward", *(f"ours:{method}" for method in METHODS), *peers.values()]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in [each for each in names if each in times]:
            took = seconds(name, network, folder, batch)
            if took is None:
                del times[name]
            else:
                times[name].append(took)
    typical = {name: median(each) for name, each in times.items() if each}
    return [
        row(network, batch, method, peers.get(method), typical) for method in METHODS if f"ours:{method}" in typical
    ]


def row(network: str, batch: int, method: str, peer: str | None, typical: dict[str, float]) -> dict[str, Any]:
    """Ratios of one method, and its bounds where there are any."""
    own = typical[f"ours:{method}"]
    forward_bound, peer_bound = BOUNDS.get((network, method), (None, None)) if batch == 1 else (None, None)
    return {
        "network": network,
        "batch": batch,
        "method": method,
        "over forward": round(own / typical["forward"], 2),
        "bound": forward_bound,
        "peer": peer if peer in typical else None,
        "over peer": round(own / typical[peer], 2) if peer in typical else None,
        "peer bound": peer_bound,
    }


def missed(row: dict[str, Any]) -> bool:
    """Whether a ratio is above its bound."""
    pairs = (("over forward", "bound"), ("over peer", "peer bound"))
    return any(row[bound] is not None and row[ratio] is not None and row[ratio] > row[bound] for ratio, bound in pairs)


def versions() -> dict[str, str]:
    """What was measured, on what."""
    found = {"processor": _processor(), "python": platform.python_version()}
    for name in ("onnxplain", "onnxruntime", "numpy", "torch", "zennit", "captum"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def table(rows: list[dict[str, Any]], about: dict[str, str]) -> str:
    """The rows as Markdown."""
    cells = [["" if value is None else str(value) for value in each.values()] for each in rows]
    head = list(rows[0])
    lines = ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells)]
    return "\n".join([*lines, "", ", ".join(f"{name} {value}" for name, value in about.items())]) + "\n"


def main() -> None:
    """Measure, write, and say what misses its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for network in options.networks:
            subprocess.run([sys.executable, str(HERE / "zoo.py"), network, folder], check=True)
            for batch in options.batches:
                rows += compare(network, batch, options.rounds, folder)
                print(f"{network}, batch {batch}: done", file=sys.stderr)
    about = versions()
    (HERE / "cpu.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    (HERE / "cpu.md").write_text(table(rows, about))
    print(table(rows, about))
    late = [each for each in rows if missed(each)]
    for each in late:
        print(f"missed: {each}", file=sys.stderr)
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    main()
