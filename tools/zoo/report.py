"""The committed report: results.md for people, results.json.gz for programs."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kept import Made
from results import versions
from table import notes, reasons, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from family import Family

HERE, STORED = Path(__file__).parent, "results.json.gz"
WORDS = """# The zoo

Classifiers of many families, built with random but calibrated weights, exported, and explained from the file alone;
`python tools/zoo` makes and checks them, and says what its verdicts mean (`verdict.py`).

A file is exact where the gradient is that of the framework's autograd, to 1e-6 of its largest value in double
precision and to 1e-4 in float32. Where float32 is further off though double is right, it is noted as ill-conditioned if
the framework's own float32 is off by a tenth of that or more, or if the exact gradient moves by a fifth of that or more
between inputs that float32 cannot tell apart (`near.py`): a unit changes sides at its kink. Where an exporter rounded
constants that it computed, the file is another network than the framework's in double; the gradient is then compared
with finite differences of the file in double. DeepLIFT completes to 1e-4 of f(x) - f(x0), LRP's book balances to 1e-4,
a row alone gets what it gets in a batch, and the scores are those of the untouched file. Quantised and half-precision
files are compared with their float twins: their gradients correlate at 0.98 or more. Models of tables are compared with
finite differences of their library or, where they have no slopes, with Shapley values by all coalitions, of what is
explained without a method named.
"""


def write(families: Mapping[str, Family], results: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write both files beside this one; files without a result now keep the one that was written before."""
    before = read(HERE)
    found = merged(families, before["files"], results)
    libraries = dict(before["versions"])
    for each in results:
        made = Made.read(folder, each["name"])
        libraries |= made.libraries if made else {}
    libraries |= versions()
    listed = ", ".join(f"{name} {each}" for name, each in sorted(libraries.items()))
    known = sum(len(family.members) for family in families.values())
    days = ", ".join(f"{n} on {day}" for day, n in sorted(Counter(each["day"] for each in found).items()))
    said = f"{len(found)} of the {known} files that the zoo knows have a result, found {days}."
    parts = [WORDS, said, table(families, found), f"Versions: {listed}.", "## Not exact", reasons(found)]
    parts += ["## Notes on exact files", notes(found)]
    text = "\n\n".join(part.strip() for part in parts) + "\n"
    (HERE / "results.md").write_text(_plain(text, folder), encoding="utf-8")
    compact = {"versions": libraries, "files": {each["name"]: _compact(each) for each in found}}
    text = _plain(json.dumps(compact, ensure_ascii=False), folder)
    (HERE / STORED).write_bytes(gzip.compress(text.encode(), mtime=0))


def read(folder: Path) -> dict[str, Any]:
    """Return what was written for programs: the versions of the libraries, and the result of each file by its name."""
    path = folder / STORED
    return json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {"versions": {}, "files": {}}


def merged(
    families: Mapping[str, Family], before: Mapping[str, dict[str, Any]], results: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return a result for each file that has one, in the order of the families.

    before: what was written, see `_compact`. What could not be found out for want of a library replaces nothing.
    """
    found = {name: _wide(name, each) for name, each in before.items()}
    found |= {each["name"]: each for each in results if each["kind"] != "not installed" or each["name"] not in found}
    return [found[name] for family in families.values() for name in family.names if name in found]


def _plain(text: str, folder: Path) -> str:
    """Return a text without the place of the files and without colours."""
    return re.sub(r"(\x1b|\\u001b)\[[0-9;]*m", "", text.replace(f"{folder}/", ""))


def _compact(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result with its numbers to two digits."""
    measured = {name: _short(value) for name, value in result.get("measured", {}).items() if name != "refused"}
    return {"kind": result["kind"], "reason": result["reason"][:400], "day": result["day"], **measured}


def _wide(name: str, compact: dict[str, Any]) -> dict[str, Any]:
    """Return a result of what `_compact` made of it."""
    measured = {key: value for key, value in compact.items() if key not in ("kind", "reason", "day")}
    return {"name": name, **{key: compact[key] for key in ("kind", "reason", "day")}, "measured": measured}


def _short(value: Any) -> Any:
    return float(f"{value:.2g}") if isinstance(value, float) else value
