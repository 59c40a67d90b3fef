"""The statements of a run, compared with what the other files say: all that they state can be made from these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.runs.encoded import encoded
from onnxplain.runs.folder import END
from onnxplain.runs.proof import statement
from onnxplain.runs.proof.statement import gates_again, run_statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.runs.proof.inspection import Inspection
    from onnxplain.runs.proof.shards import Shards


def check_statements(inspection: Inspection, shards: Shards) -> None:
    """Name the statement, or run.json, where it states another thing than the shards and the job."""
    job, walked = inspection.job, inspection.chain
    if job is None or walked is None or walked.broken is not None or not shards.whole or inspection.head is None:
        return
    off = {each.where for each in inspection.findings}
    rows = {"asked": job.rows, "done": shards.done, "failed": shards.failed}
    if inspection.end is not None and END not in off:
        for name, right in {"rows": rows, "shards": shards.count, "format": job.asked["format"]}.items():
            if inspection.end[name] != right:
                inspection.off(END, f"{name!r} is {inspection.end[name]}, and the shards have {right}")
    if inspection.statement is not None and statement.NAME not in off:
        right = run_statement(job, walked.sha256, inspection.head, rows, shards.versions or {})
        _compare(inspection, statement.NAME, inspection.statement, right)
    if (inspection.path / statement.GATES_NAME).exists():
        found = inspection.object(statement.GATES_NAME, {"...": None})
        if found is not None:
            _check_gates(inspection, found)


def _check_gates(inspection: Inspection, found: dict[str, Any]) -> None:
    assert inspection.job is not None and inspection.head is not None  # noqa: S101, PT018 - checked before
    try:
        right = gates_again(inspection.job, inspection.head, found)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as problem:
        inspection.off(statement.GATES_NAME, f"it is no statement of gates ({type(problem).__name__}: {problem})")
        return
    _compare(inspection, statement.GATES_NAME, found, right)
    if encoded(found) != encoded(right):
        return
    came = found["predicate"]
    failed, passed = (came[field] for field in ("failedTests", "passedTests"))
    inspection.gates = f"{len(passed)} passed, {len(failed)} failed" + (f": {', '.join(failed)}" if failed else "")


def _compare(inspection: Inspection, name: str, found: Any, right: Any) -> None:
    """Name the first thing in which a statement is not what it should be."""
    if encoded(found) != encoded(right):
        here, there = dict(_leaves(found)), dict(_leaves(right))
        key = next(key for key in sorted(here.keys() | there.keys()) if here.get(key) != there.get(key))
        inspection.off(name, f"{key} is {_short(here.get(key))}, expected {_short(there.get(key))}")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value that holds no others, as JSON, with the path that leads to it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not value or not pairs:
        yield path, encoded(value).decode()
        return
    for key, each in pairs:
        yield from _leaves(each, f"{path}.{key}" if path else str(key))


def _short(text: str | None) -> str:
    return "missing" if text is None else text if len(text) <= 80 else f"{text[:80]}..."
