"""Measure how long explanations take, as ratios to a plain forward run of the same file and to other libraries.

    python tools/bench [--networks resnet50 vgg16] [--batches 1 8] [--rounds 3] [--out FOLDER]
    python tools/bench --quick

A contender is one way to compute an explanation, or the forward run: see contenders.py. Libraries that are not
installed are left out. In each round every contender runs once, in a process of its own; the medians count.

The results are written to cpu.md and cpu.json, in this folder or in FOLDER. The README quotes cpu.json: run
tools/tables.py afterwards. Results above their bound in bounds.py are printed, and the exit code is 1 if there are any.
`--quick` runs one round with batch 1, and writes files only if `--out` is given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bounds import METHODS, engines, peer_of
from report import missed, row, table, versions
from zoo import NETWORKS

HERE = Path(__file__).resolve().parent


def took(contender: str, network: str, folder: str, batch: int) -> dict[str, float] | None:
    """Run one contender in a process of its own; return the time and memory it took, or None where it fails."""
    command = [sys.executable, str(HERE / "contenders.py"), contender, network, folder, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{network}: {contender} failed: {(done.stderr.strip() or '?').splitlines()[-1]}", file=sys.stderr)
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(network: str, batch: int, rounds: int, folder: str) -> list[dict[str, Any]]:
    """Run all contenders on one network and batch size; return a row of results per method and engine."""
    own = [(engine, method) for method in METHODS for engine in engines(network, method, batch)]
    peers = {method: name for method in METHODS if (name := peer_of(network, method, batch))}
    names = ["forward", *(f"ours:{engine}:{method}" for engine, method in own), *peers.values()]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in [each for each in names if each in results]:
            found = took(name, network, folder, batch)
            if found is None:
                del results[name]
            else:
                results[name].append(found)
    typical = {
        name: {what: median(each[what] for each in found) for what in found[0]} for name, found in results.items()
    }
    return [
        row(
            {"network": network, "batch": batch, "engine": engine, "method": method},
            typical[f"ours:{engine}:{method}"],
            typical["forward"],
            peers.get(method),
            typical.get(peers.get(method, "")),
        )
        for engine, method in own
        if f"ours:{engine}:{method}" in typical
    ]


def options() -> argparse.Namespace:
    """Return the options of the command line, and make the folder for the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.batches = 1, [1]
    elif given.out is None:
        given.out = HERE
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)  # before measuring: if it cannot be made, no results are lost
    return given


def main() -> None:
    """Measure, write the results, and print those that are above their bound."""
    given = options()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for network in given.networks:
            subprocess.run([sys.executable, str(HERE / "zoo.py"), network, folder], check=True)
            for batch in given.batches:
                rows += compare(network, batch, given.rounds, folder)
                print(f"{network}, batch {batch}: done", file=sys.stderr)
    about = versions() | {"rounds": str(given.rounds)}
    if given.out is not None:
        (given.out / "cpu.json").write_text(json.dumps({"about": about, "rows": rows}, separators=(",", ":")) + "\n")
        (given.out / "cpu.md").write_text(table(rows, about))
    print(table(rows, about))
    late = [
        f"{' '.join(map(str, list(each.values())[:4]))}: {', '.join(what)}" for each in rows if (what := missed(each))
    ]
    print("\n".join(f"missed: {line}" for line in late), file=sys.stderr)
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    main()
