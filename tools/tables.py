"""Write the README's tables of methods and operators from the code; `--check` fails where they are stale."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from onnxplain.method import METHODS
from onnxplain.ops import supported
from onnxplain.ops.left_out import LEFT_OUT

README = Path(__file__).resolve().parents[1] / "README.md"


def methods() -> str:
    """One row a method: what it computes, its parameters, its seed, whether it needs a baseline."""
    rows = ["| method | what it computes | parameters | starts from | needs a baseline |", "|---|---|---|---|---|"]
    for method in METHODS.values():
        needs = "yes" if method.baseline else "no"
        offered = " ".join(f"`{name}`" for name in method.parameters)
        rows.append(f"| `{method.name}` | {method.summary} | {offered} | {method.seed} | {needs} |")
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


def render(text: str) -> str:
    """The README with fresh tables."""
    for name, table in (("methods", methods()), ("operators", operators())):
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
