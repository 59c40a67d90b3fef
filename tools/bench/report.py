"""Turn the times and memory of contenders into rows of ratios, write them as a table, and find those above a bound."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bounds import COMPILED_IN, OVER_FORWARD, OVER_PEER, PEAK

if TYPE_CHECKING:
    from alternating import Took

RATIOS = (("over forward", "bound"), ("over peer", "peer bound"), ("peak over peer", "peak bound"))
"""The columns of a row that hold a ratio, each with the column of its bound."""


def row(of: dict[str, Any], own: Took, forward: Took, peer: str | None, theirs: Took | None) -> dict[str, Any]:
    """Return the row of one method on one engine; only the engine onnxruntime at batch 1 has bounds.

    of: network, batch, engine and method; own, forward, theirs: what onnxplain, the forward run and the other library
    took; peer: name of the contender of the other library.
    """
    key = (of["network"], of["method"]) if of["batch"] == 1 and of["engine"] == "onnxruntime" else None
    return of | {
        "over forward": _ratio(own, forward, "seconds"),
        "bound": OVER_FORWARD.get(key),
        "peer": peer if theirs else None,
        "over peer": _ratio(own, theirs, "seconds"),
        "peer bound": OVER_PEER.get(key),
        "peak over peer": _ratio(own, theirs, "peak"),
        "peak bound": PEAK.get(key),
        "compile over load": _ratio(own, forward, "prepared"),
        "compiles in time": own["prepared"] < COMPILED_IN,
    }


def _ratio(own: Took, other: Took | None, what: str) -> float | None:
    """Return own over other, to three digits; None where one of them was not measured."""
    if not other or not own[what] or not other[what]:
        return None
    return float(f"{own[what] / other[what]:.3g}")


def missed(each: dict[str, Any]) -> list[str]:
    """Return the columns of a row that are above their bound."""
    late = [ratio for ratio, bound in RATIOS if None not in (each[ratio], each[bound]) and each[ratio] > each[bound]]
    return late if each["compiles in time"] else [*late, "compiles in time"]


def table(rows: list[dict[str, Any]], about: dict[str, str]) -> str:
    """Return the rows as a Markdown table, followed by the versions and the processor in `about`."""
    cells = [[_cell(value) for value in each.values()] for each in rows]
    head = list(rows[0])
    lines = ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *cells)]
    return "\n".join([*lines, "", ", ".join(f"{name} {value}" for name, value in about.items())]) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def versions() -> dict[str, str]:
    """Return the processor and the versions of Python and of the libraries that are installed."""
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
