"""Reading what became of the gates of a run: from the statement that an audit wrote into its folder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.audit.gate import Bound, Finding
from onnxplain.runs.encoded import decoded, encoded
from onnxplain.runs.proof.statement import GATES_NAME, figures_of, gates_again

if TYPE_CHECKING:
    from onnxplain.runs.read import Run


def findings_of(run: Run) -> tuple[Finding, ...]:
    """Return the findings of the audit of a run, in the order of their names; none where it was not audited.

    Raises BadInputError where the statement is broken, was changed, or is that of another run.
    """
    path = run.path / GATES_NAME
    if not path.exists():
        return ()
    statement = decoded(path.read_bytes(), str(path), "the statement of an audit")
    try:
        if encoded(gates_again(run.job, run.end["ledger"]["head"], statement)) != encoded(statement):
            raise BadInputError(
                f"{path}: it was changed since the audit wrote it, or is of another run; audit it again"
            )
        return tuple(_finding(each) for each in figures_of(statement).values())
    except (KeyError, IndexError, TypeError, AttributeError, UsageError) as problem:
        raise BadInputError(f"{path}: no statement of an audit ({problem!r})") from problem


def _finding(given: dict[str, Any]) -> Finding:
    worst = given["worst"]
    return Finding(
        gate=given["gate"],
        measure=given["measure"],
        unit=given["unit"],
        figure=_number(given["figure"]),
        over=given["over"],
        bound=Bound(given["at_least"], given["at_most"]),
        rows=given["rows"],
        worst=None if worst is None else (worst["name"], _number(worst["number"])),
        left_out=given["left_out"],
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
