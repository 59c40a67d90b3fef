"""Measure how long explanations take, as ratios to a plain forward run of the same file and to other libraries.

    python tools/bench [--networks resnet50 vgg16] [--batches 1 8] [--rounds 3] [--out FOLDER]
    python tools/bench --quick
    python tools/bench --compare main [--networks resnet50 models/digits_cnn_torch.onnx] [--methods gradient]
    python tools/bench serve    # the service beside an explainer in its own process: see service.py

A contender is one way to compute an explanation, or the forward run: see contenders.py. Libraries that are not
installed are left out. In each round every contender runs once, in a process of its own; the medians count.

The results are written to cpu.md and cpu.json, in this folder or in FOLDER. The README quotes cpu.json: run
tools/tables.py afterwards. Results above their bound in bounds.py are printed, and the exit code is 1 if there are any.
`--quick` runs one round with batch 1, and writes files only if `--out` is given.

`--compare BASE` runs this checkout and another, a git revision or a folder, in turn in each round, and prints new over
old with the spread of the rounds, five by default; see checkouts.py. The exit code is 1 where something takes more than
before by more than the spread, or where a result is another. It writes no files but with `--out`: compared.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import checkouts
from alternating import HERE, Case, alternate
from bounds import METHODS, engines, peer_of
from report import missed, row, table, versions
from service import main as serve
from zoo import NETWORKS


def ratios(network: str, batch: int, methods: list[str], rounds: int, folder: str) -> list[dict[str, Any]]:
    """Run all contenders on one network and batch size; return a row of results per method and engine."""
    own = {
        (engine, method): Case(f"ours:{engine}:{method}", network, batch)
        for method in methods
        for engine in engines(network, method, batch)
    }
    named = {method: peer_of(network, method, batch) for method in methods}
    peers = {method: Case(name, network, batch) for method, name in named.items() if name}
    forward = Case("forward", network, batch)
    typical = alternate([forward, *own.values(), *peers.values()], rounds, folder)
    return [
        row(
            {"network": network, "batch": batch, "engine": engine, "method": method},
            typical[case],
            typical[forward],
            named[method],
            typical.get(peers[method]) if method in peers else None,
        )
        for (engine, method), case in own.items()
        if case in typical
    ]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, and make the folder for the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, type=_network)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--compare", metavar="BASE")
    given = parser.parse_args(arguments)
    once = given.quick or given.compare is not None
    given.batches = given.batches or ([1] if once else [1, 8])
    given.rounds = given.rounds or (1 if given.quick else 5 if given.compare else 3)
    if given.out is None and not once:
        given.out = HERE
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)  # before measuring: if it cannot be made, no results are lost
    return given


def _network(name: str) -> str:
    """Return the name of a network, or the path of an ONNX file."""
    if name in NETWORKS:
        return name
    if name.endswith(".onnx") and Path(name).is_file():
        return str(Path(name).resolve())
    raise argparse.ArgumentTypeError(f"{name!r} is neither an ONNX file nor one of {', '.join(NETWORKS)}")


def export(network: str, folder: str) -> None:
    """Write the file of a network, in a process of its own, unless it is a file."""
    if network in NETWORKS:
        subprocess.run([sys.executable, str(HERE / "zoo.py"), network, folder], check=True)


def measured(given: argparse.Namespace) -> bool:
    """Measure, write the results, and print those that are above their bound. Returns whether there are none."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for network in given.networks:
            export(network, folder)
            for batch in given.batches:
                rows += ratios(network, batch, given.methods, given.rounds, folder)
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
    return not late


def compared(given: argparse.Namespace) -> bool:
    """Compare this checkout with another; return whether nothing takes more than before and no result is another."""
    cases = [
        Case(f"ours:onnxruntime:{method}", network, batch)
        for network in given.networks
        for batch in given.batches
        for method in given.methods
    ]
    with tempfile.TemporaryDirectory() as folder, checkouts.checkout(given.compare) as base:
        for network in given.networks:
            export(network, folder)
        found = checkouts.compare(cases, given.rounds, base, folder)
    print(checkouts.text(found))
    if given.out is not None:
        (given.out / "compared.md").write_text(checkouts.text(found) + "\n")
    return found.passed


def main() -> None:
    """Do what the command line asks."""
    given = options()
    done = compared(given) if given.compare else measured(given)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    serve(sys.argv[2:]) if sys.argv[1:2] == ["serve"] else main()
