"""What is printed: a line for each fault, the survivors with their text, and a table of the rooms."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trial import Trial


def line(trial: Trial) -> str:
    """Return the progress line of one fault."""
    return f"{_said(trial):8}  {trial.seconds:5.1f} s  {trial.fault.room}: {trial.fault.name}"


def _said(trial: Trial) -> str:
    return "found" if trial.found else "SURVIVED"


def survivor(trial: Trial) -> str:
    """Return where a fault that no test found stands, what replaced what, and which tests passed."""
    fault = trial.fault
    return (
        f"{fault.room}: {fault.name}: {fault.wrong}\n"
        f"  {fault.file}, with {' '.join(fault.tests)}\n"
        f"{indent(fault.text.strip(chr(10)), '  - ')}\n"
        f"{indent(fault.instead.strip(chr(10)), '  + ')}"
    )


def table(trials: Sequence[Trial]) -> str:
    """Return a row for each room, and one for all: how many faults, how many found, and the seconds of their tests."""
    rooms = sorted({trial.fault.room for trial in trials})
    groups = [(room, [trial for trial in trials if trial.fault.room == room]) for room in rooms]
    rows = [("room", "faults", "found", "share", "seconds")]
    for name, group in [*groups, ("all", list(trials))]:
        seconds = sum(trial.seconds for trial in group)
        found = sum(trial.found for trial in group)
        rows.append((name, str(len(group)), str(found), f"{share(group):.1%}", f"{seconds:.0f}"))
    return "\n".join(f"{room:10}" + "".join(f"{each:>9}" for each in rest) for room, *rest in rows)


def share(trials: Sequence[Trial]) -> float:
    """Return the share of the faults that was found."""
    return sum(trial.found for trial in trials) / len(trials)
