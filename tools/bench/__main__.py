"""Measure how long explanations take, as ratios to a plain forward run of the same file and to other libraries.

    python tools/bench [--networks resnet50 vgg16] [--batches 1 8] [--rounds 3] [--out FOLDER]
    python tools/bench --quick
    python tools/bench --only startup memory [--rounds 3]
    python tools/bench --compare main [--networks resnet50 models/digits_cnn_torch.onnx] [--methods gradient]
    python tools/bench serve    # the service beside an explainer in its own process: see service.py

The parts are `methods`, explanations that walk once, over a forward run, and those of parts.py: `repeated` beside other
libraries, `batches`, `startup`, `overhead`, `load` and `memory`. All of them are measured unless `--only` names some;
`--networks` leaves out the others.

A contender is one way to compute an explanation, or the forward run: see contenders.py. Libraries that are not
installed are left out. In each round every contender runs once, in a process of its own; the medians count.

The results are written to cpu.md and cpu.json, in this folder or in FOLDER, and those of the other parts to parts.md.
The README quotes cpu.json: run tools/tables.py afterwards. Results above their bound, in bounds.py and parts.py, are
printed, and the exit code is 1 if there are any.
`--quick` runs one round with batch 1, and writes files only if `--out` is given.

`--compare BASE` runs this checkout and another, a git revision or a folder, in turn in each round, and prints new over
old with the spread of the rounds, five by default; see checkouts.py. The exit code is 1 where something takes more than
before by more than the spread, or where a result is another. It writes no files but with `--out`: compared.md.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import checkouts
import parts
from alternating import HERE, Case, alternate
from bounds import engines, methods_of, peer_of
from parts import PARTS, Line
from report import missed, row, table, versions
from service import main as serve
from zoo import CHAIN, NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS_PART = "methods"


def ratios(network: str, batch: int, named: Sequence[str], rounds: int, folder: str) -> list[dict[str, Any]]:
    """Run all contenders on one network and batch size; return a row of results per method and engine."""
    own = {
        (engine, method): Case(f"ours:{engine}:{method}", network, batch)
        for method in named
        for engine in engines(network, method, batch)
    }
    others = {method: peer_of(network, method, batch) for method in named}
    peers = {method: Case(name, network, batch) for method, name in others.items() if name}
    forward = Case("forward", network, batch)
    typical = alternate([forward, *own.values(), *peers.values()], rounds, folder)
    return [
        row(
            {"network": network, "batch": batch, "engine": engine, "method": method},
            typical[case],
            typical[forward],
            others[method],
            typical.get(peers[method]) if method in peers else None,
        )
        for (engine, method), case in own.items()
        if case in typical
    ]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line, and make the folder for the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", type=_network)
    parser.add_argument("--methods", nargs="+", help="Of the part methods; default: see bounds.py.")
    parser.add_argument("--only", nargs="+", choices=(METHODS_PART, *PARTS), metavar="PART")
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--compare", metavar="BASE")
    given = parser.parse_args(arguments)
    once = given.quick or given.compare is not None
    given.batches = given.batches or ([1] if once else [1, 8])
    given.networks = given.networks or NETWORKS
    given.only = given.only or ([METHODS_PART] if once else [METHODS_PART, *PARTS])
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
    """Write the file of a network, in a process of its own, unless it is a file or there already."""
    known = network in NETWORKS or network.startswith(CHAIN)
    if known and not (Path(folder) / f"{network}.onnx").exists():
        subprocess.run([sys.executable, str(HERE / "zoo.py"), network, folder], check=True)


def lines_of(given: argparse.Namespace) -> list[Line]:
    """Return the lines of the parts that are asked for, on the networks that are, or on files and chains."""
    lines = [line for part in given.only if part in PARTS for line in PARTS[part]]
    return [line for line in lines if line.own.network not in NETWORKS or line.own.network in given.networks]


def measured(given: argparse.Namespace) -> bool:
    """Measure what is asked for, and print what is above its bound. Returns whether that is nothing."""
    with tempfile.TemporaryDirectory() as folder:
        late = methods(given, folder) if METHODS_PART in given.only else []
        lines = lines_of(given)
        late += in_parts(lines, given, folder) if lines else []
    print("\n".join(f"missed: {line}" for line in late), file=sys.stderr)
    return not late


def methods(given: argparse.Namespace, folder: str) -> list[str]:
    """Measure the methods that walk once; write and print the results. Returns those above their bound, in words."""
    rows: list[dict[str, Any]] = []
    for network in given.networks:
        export(network, folder)
        for batch in given.batches:
            rows += ratios(network, batch, given.methods or methods_of(network), given.rounds, folder)
            print(f"{network}, batch {batch}: done", file=sys.stderr)
    about = versions() | {"rounds": str(given.rounds)}
    if given.out is not None:
        (given.out / "cpu.json").write_text(json.dumps({"about": about, "rows": rows}, separators=(",", ":")) + "\n")
        (given.out / "cpu.md").write_text(table(rows, about))
    print(table(rows, about) if rows else "no method was measured")
    return [
        f"{' '.join(map(str, list(each.values())[:4]))}: {', '.join(what)}" for each in rows if (what := missed(each))
    ]


def in_parts(lines: list[Line], given: argparse.Namespace, folder: str) -> list[str]:
    """Measure lines; write and print the results. Returns those above their bound, in words."""
    cases, missing = parts.cases_of(lines)
    for module in missing:
        print(f"{module} is not installed: its contenders are left out", file=sys.stderr)
    for case in cases:
        export(case.network, folder)
    found = parts.values(lines, alternate(cases, given.rounds, folder))
    said = ", ".join(f"{name} {version}" for name, version in versions().items())
    if given.out is not None:
        (given.out / "parts.md").write_text(f"{parts.text(found)}\n\n{said}, rounds {given.rounds}\n")
    print(parts.text(found))
    return parts.late(found)


def compared(given: argparse.Namespace) -> bool:
    """Compare this checkout with another; return whether nothing takes more than before and no result is another."""
    cases = [
        Case(f"ours:onnxruntime:{method}", network, batch)
        for network in (given.networks if METHODS_PART in given.only else ())
        for batch in given.batches
        for method in given.methods or methods_of(network)
    ]
    own = [case for line in lines_of(given) for case in (line.own, line.other) if case and parts.is_ours(case)]
    cases = list(dict.fromkeys([*cases, *own]))
    with tempfile.TemporaryDirectory() as folder, checkouts.checkout(given.compare) as base:
        for case in cases:
            export(case.network, folder)
        found = checkouts.compare(cases, given.rounds, base, folder)
    print(checkouts.text(found))
    if given.out is not None:
        (given.out / "compared.md").write_text(checkouts.text(found) + "\n")
    return found.passed


def main() -> None:
    """Do what the command line asks."""
    given = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary folders and worktrees go
    done = compared(given) if given.compare else measured(given)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    serve(sys.argv[2:]) if sys.argv[1:2] == ["serve"] else main()
