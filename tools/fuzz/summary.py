"""What is printed: a table of classes by kind of mutation, and a list of the distinct faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FAULTS = ("wrong", "leak", "crash", "hang", "memory")
CLASSES = ("right", "refused", "said", "stricter", "unfed", *FAULTS)
"""What may become of a mutant.

right: explained, and the same as what the untouched file computes. refused: by an error of the package's own.
said: explained, and a warning says that the attributions do not add up, which is so.
stricter: explained, though onnxruntime does not run the file, and the result says that nothing proves it.
unfed: loaded, and no input of it could be made.
wrong: explained, and not right. leak: another exception. crash: the process died. hang: its time was up.
memory: its memory was.
"""


def table(verdicts: Sequence[dict[str, Any]]) -> str:
    """Return a row for each kind of mutation, and one for all: how many mutants are in each class."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for each in verdicts:
        counts[_first(each)][each["kind"]] += 1
    total = sum(counts.values(), Counter[str]())
    rows = [("kind of mutation", *CLASSES, "all")]
    for name, count in [*sorted(counts.items()), ("all", total)]:
        rows.append((name, *(str(count[each] or "") for each in CLASSES), str(count.total())))
    return "\n".join(f"{name:31}" + "".join(f"{each:>9}" for each in rest) for name, *rest in rows)


def _first(verdict: dict[str, Any]) -> str:
    return str(verdict["kinds"][0]) if verdict["kinds"] else "?"


def distinct(verdicts: Iterable[dict[str, Any]], classes: Sequence[str] = FAULTS) -> str:
    """Return the mutants of these classes in groups: the class, where, how many, an index of one, and what it says."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for each in verdicts:
        if each["kind"] in classes:
            groups[each["kind"], each["where"] if each["kind"] in FAULTS else each["says"]].append(each)
    ordered = sorted(groups.items(), key=lambda item: (classes.index(item[0][0]), -len(item[1])))
    return "\n".join(_group(*names, found) for names, found in ordered)


def _group(kind: str, where: str, found: Sequence[dict[str, Any]]) -> str:
    one = min(found, key=lambda each: len(each["kinds"]))
    others = ", ".join(str(each["index"]) for each in found if each is not one)[:60]
    says = " ".join(one["says"].split())[:240]
    return (
        f"{kind}: {where}: {len(found)}, --only {one['index']}{f' (also {others})' if others else ''}\n"
        f"    {one['base'][:80]}; {' '.join(one['kinds'])}\n    {says}"
    )


def unchecked(verdicts: Iterable[dict[str, Any]]) -> str:
    """Return a line for each reason why something that was explained was not compared: how many, and an index."""
    reasons: dict[str, list[int]] = defaultdict(list)
    for each in verdicts:
        for reason in each.get("unchecked", ()):
            reasons[reason].append(each["index"])
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    return "\n".join(f"not compared: {len(indices)}, --only {indices[0]}: {reason}" for reason, indices in ordered)


def failed(verdicts: Iterable[dict[str, Any]]) -> bool:
    """Whether any of them is a fault."""
    return any(each["kind"] in FAULTS for each in verdicts)
