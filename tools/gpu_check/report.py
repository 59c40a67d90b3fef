"""What the steps found, as Markdown."""

from __future__ import annotations

from typing import Any


def markdown(found: dict[str, Any]) -> str:
    """A line for each step, then the tables: ratios, where less than 1 is faster than the other."""
    lines = ["# The engine `cupy` on a GPU", ""]
    lines += table([{"step": name, "state": step["state"], "says": step["says"]} for name, step in found.items()])
    for about in found.get("environment", {}).get("rows", []):
        packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
        lines += ["", f"{about['gpu']}, driver {about['driver']}, Python {about['python']}, {packages}."]
        lines += ["", f"cuDNN of the engine `cudnn`: {about['cudnn']}."]
    for name in ("layers", "roofline", "explanations"):
        rows = found.get(name, {}).get("rows", [])
        if rows:
            lines += ["", f"## {name.capitalize()}", "", *table(rows)]
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows of the same or of fewer columns."""
    head = list(dict.fromkeys(name for row in rows for name in row))
    cells = [["" if row.get(name) is None else str(row[name]).replace("|", "\\|") for name in head] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells)]
