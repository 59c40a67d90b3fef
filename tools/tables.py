"""Write the README's tables of methods, operators and speed from the code, its measured facts and the last benchmark.

`--check` fails where they are stale.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

from onnxplain.method.registry import METHODS
from onnxplain.ops import supported
from onnxplain.ops.left_out import LEFT_OUT

README = Path(__file__).resolve().parents[1] / "README.md"
FACTS = Path(__file__).resolve().parent / "facts.json"
BENCH = Path(__file__).resolve().parent / "bench" / "cpu.json"


def methods() -> str:
    """One row a method: what it computes, its parameters and baseline, its cost, and whether it forgets."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    rows = ["| method | what it computes | parameters | baseline | cost | kept |", "|---|---|---|---|---|---|"]
    for method in METHODS.values():
        needs, fact = "yes" if method.baseline else "", facts[method.name]
        offered = " ".join(f"`{name}`" for name in method.parameters)
        cost = " + ".join(f"{fact[what]} {sign}" for what, sign in (("forwards", "F"), ("walks", "W")) if fact[what])
        rows.append(f"| `{method.name}` | {method.summary} | {offered} | {needs} | {cost} | {fact['alike']:.2f} |")
    return "\n".join(rows)


def operators() -> str:
    """One row a family, then what is left out and why."""
    rows = ["| family | operators |", "|---|---|"]
    for family, ops in groupby(supported(), key=lambda row: row[1]):
        rows.append(f"| {family} | {' '.join(name for name, *_ in ops)} |")
    rows += ["", "Without facts:", "", "| operators | reason |", "|---|---|"]
    for reason, names in groupby(LEFT_OUT, key=LEFT_OUT.__getitem__):
        rows.append(f"| {' '.join(names)} | {reason} |")
    return "\n".join(rows)


def speed() -> str:
    """One row a network and method at batch 1, by the default engine, as the benchmark last measured it."""
    found = json.loads(BENCH.read_text(encoding="utf-8"))
    rows = ["| network | method | over one plain forward run | over the peer |", "|---|---|---|---|"]
    for each in found["rows"]:
        if each["batch"] == 1 and each["engine"] == "onnxruntime":
            peer = f"{each['over peer']:.2f} of {each['peer'].partition(':')[0]}" if each["peer"] else ""
            rows.append(f"| {each['network']} | {each['method']} | {each['over forward']:.1f} | {peer} |")
    about = found["about"]
    measured = ", ".join(
        f"{name} {about[name]}" for name in ("onnxruntime", "torch", "zennit", "captum") if name in about
    )
    return "\n".join([*rows, "", f"Measured on {about['processor']}, with {measured}."])


def render(text: str) -> str:
    """The README with fresh tables."""
    for name, table in (("methods", methods()), ("operators", operators()), ("speed", speed())):
        before, rest = text.split(f"<!-- {name} -->\n")
        after = rest.split(f"<!-- /{name} -->")[1]
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{after}"
    return text


def main() -> None:
    """Write, or check."""
    fresh = render(README.read_text(encoding="utf-8"))
    if "--check" in sys.argv:
        sys.exit(0 if fresh == README.read_text(encoding="utf-8") else "README tables are stale: run tools/tables.py")
    README.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
