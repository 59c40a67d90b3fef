"""What is printed and committed: a table by family, and the reason for each file that is not exact."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from verdict import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from family import Family

NO_FILE = ("not exported", "not installed")


def table(families: Mapping[str, Family], results: Sequence[dict[str, Any]]) -> str:
    """Return a row for each family: how many files there are, and what became of them."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for each in results:
        counts[each["name"].split("/")[0]][each["kind"]] += 1
    lines = [_row("family", "kind", "files", *VERDICTS, "exact of the files"), _row(*["---"] * (len(VERDICTS) + 4))]
    for name, count in counts.items():
        lines.append(_counted(name, families[name].kind, count))
    for kind in ("float", ""):
        chosen = [count for name, count in counts.items() if kind in ("", families[name].kind)]
        lines.append(_counted(f"all {kind}".strip(), kind, sum(chosen, Counter())))
    return "\n".join(lines)


def _counted(name: str, kind: str, count: Counter[str]) -> str:
    files = count.total() - sum(count[each] for each in NO_FILE)
    share = f"{100 * count['exact'] / files:.1f} %" if files else ""
    return _row(name, kind, str(files), *(str(count[each] or "") for each in VERDICTS), share)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def reasons(results: Sequence[dict[str, Any]]) -> str:
    """Return the files that are not exact, those with the same reason together."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in results:
        if each["kind"] != "exact":
            groups[each["kind"], each["reason"]].append(each["name"])
    ordered = sorted(groups.items(), key=lambda item: (VERDICTS.index(item[0][0]), -len(item[1])))
    lines = [_row("verdict", "files", "reason"), _row(*["---"] * 3)]
    for (kind, reason), names in ordered:
        lines.append(_row(kind, ", ".join(names), " ".join(reason.split()).replace("|", "\\|")[:400]))
    return "\n".join(lines)


def notes(results: Sequence[dict[str, Any]]) -> str:
    """Return the exact files of which something is to be said."""
    found = [each for each in results if each["kind"] == "exact" and each["reason"]]
    lines = [_row("file", "note"), _row("---", "---")]
    return "\n".join([*lines, *(_row(each["name"], each["reason"]) for each in found)])
