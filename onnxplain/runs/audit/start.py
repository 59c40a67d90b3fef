"""Doing an audit: the run that a description asks for, its gates one by one, the statement of both, and the report."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.api import load
from onnxplain.errors import BadInputError, UsageError
from onnxplain.progress import progress
from onnxplain.runs.audit.audited import Audited, RowMeasure
from onnxplain.runs.audit.by_model import Failed
from onnxplain.runs.audit.description import Description, read_description
from onnxplain.runs.audit.gate import HEAD, Finding, Measured, judge
from onnxplain.runs.audit.truth import read_truth
from onnxplain.runs.encoded import encoded, file_digest
from onnxplain.runs.folder import save
from onnxplain.runs.proof.attest import envelope_name, sign_run
from onnxplain.runs.proof.signing import read_private
from onnxplain.runs.proof.statement import FAILED, GATES_NAME, PASSED, descriptor, gates_statement
from onnxplain.runs.start import run
from onnxplain.text import columns, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.runs.audit.description import Gate
    from onnxplain.runs.read import Run

_FILES = (".npy", ".npz", ".csv", ".parquet")


@dataclass(frozen=True, eq=False)
class Audit:
    """What came of an audit: the run, and a finding for each gate, in the order of the description."""

    run: Run
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(each.passed for each in self.findings)

    def __str__(self) -> str:
        head, *lines = columns([HEAD, *(each.cells for each in self.findings)]).split("\n")
        below = [f"        {printable(each.said)}" for each in self.findings]
        return "\n".join([head, *(text for pair in zip(lines, below, strict=True) for text in pair)])

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return {
            "run": str(self.run.path),
            "job": self.run.id,
            "rows": self.run.counts,
            "passed": self.passed,
            "gates": [each.to_dict() for each in self.findings],
        }


def audit(path: str | Path, out: str | Path, *, sign: str | Path | None = None) -> Audit:
    """Do the audit that a file describes, into the folder of a run, and return what came of it.

    path: of the description, a TOML file; see `onnxplain.runs.audit.description`. out: the folder of the run; where it
    was begun, it is gone on with. The results of the gates are written into it as a statement of in-toto,
    `statement.gates.json`. sign: an Ed25519 private key in PEM, by which run and gates are signed.
    Raises BadInputError where the description cannot be read, and UsageError, which names the gate, where a gate cannot
    be measured.
    """
    key = None if sign is None else read_private(sign)
    described = read_description(path)
    truth = read_truth(described.truth, described.base)
    model = load(described.model, **described.load)
    given = {name: _resolved(value, described.base) for name, value in described.run.items()}
    done = run(model, described.inputs, out, **given)
    _check_any(done, described)
    if isinstance(given.get("baseline"), Path):
        done.open(baseline=given["baseline"])
    audited = Audited(done, model, truth, described.base, described.inputs, described.load, **_of_explainer(given))
    findings = tuple(_judged(described, audited))
    _state(done, Path(path), findings, signed=key is not None)
    if key is not None:
        sign_run(done.path, key)
    return Audit(done, findings)


def _resolved(value: Any, base: Path) -> Any:
    """Return an option of [explain]; the path of a file of arrays relative to the description."""
    return base / value if isinstance(value, str) and value.lower().endswith(_FILES) else value


def _check_any(done: Run, described: Description) -> None:
    """Raise BadInputError where no input could be explained, and a gate measures those that were."""
    if not len(done) and any(not isinstance(each.measure, Failed) for each in described.gates):
        first = f"; {done.failed[0].reason}" if done.failed else ""
        raise BadInputError(f"{described.inputs}: no input could be explained, so there is nothing to measure{first}")


def _of_explainer(given: dict[str, Any]) -> dict[str, Any]:
    """Return the method and the options of an explainer among the arguments of a run."""
    options = {name: value for name, value in given.items() if name not in signature(run).parameters}
    return {"method": given.get("method"), "options": options}


def _judged(described: Description, audited: Audited) -> list[Finding]:
    """Return what becomes of each gate. Those that measure rows read the run once, all together."""
    of_rows = _read([(gate, gate.measure) for gate in described.gates if isinstance(gate.measure, RowMeasure)], audited)
    findings = []
    with progress("gates", len(described.gates), "gate") as bar:
        for gate in described.gates:
            with _named(gate):
                known = gate.measure
                found = of_rows[gate.name] if isinstance(known, RowMeasure) else known.measure(audited)
                findings.append(judge(gate.name, gate.kind, found, gate.bound, gate.over))
            bar.update(1)
    return findings


@contextmanager
def _named(gate: Gate) -> Iterator[None]:
    """Name the gate in an error that it raises on purpose."""
    try:
        yield
    except (UsageError, BadInputError) as problem:
        raise type(problem)(f"[gates.{gate.name}] {problem}") from problem


def _read(gates: list[tuple[Gate, RowMeasure]], audited: Audited) -> dict[str, Measured]:
    """Return what gates that measure rows find, by the name of the gate; the run is read once."""
    readers = []
    for gate, measure in gates:
        with _named(gate):
            readers.append(measure.start(audited))
    names: list[str] = []
    numbers: list[list[float | None]] = [[] for _ in gates]
    for row in audited.run.rows() if gates else ():
        names.append(row.name)
        for (gate, _), measured, found in zip(gates, readers, numbers, strict=True):
            with _named(gate):
                found.append(measured(row))
    return {gate.name: _measured(measure, names, found) for (gate, measure), found in zip(gates, numbers, strict=True)}


def _measured(measure: RowMeasure, names: list[str], found: list[float | None]) -> Measured:
    known = [(name, number) for name, number in zip(names, found, strict=True) if number is not None]
    left = len(found) - len(known)
    why = f"{left} row{'s' * (left != 1)} {measure.missing}" if left else ""
    return Measured([name for name, _ in known], np.array([number for _, number in known]), measure.unit, why)


def _state(run: Run, description: Path, findings: tuple[Finding, ...], *, signed: bool) -> None:
    """Write the statement of the gates into the folder of the run. signed: whether it will be signed.

    Raises UsageError where that would leave the signature of another statement there.
    """
    results = {each.gate: PASSED if each.passed else FAILED for each in findings}
    figures = {each.gate: each.to_dict() for each in findings}
    configured = [descriptor(description.name, file_digest(description))]
    statement = gates_statement(run.job, run.end["ledger"]["head"], results, configured, figures)
    file, envelope = run.path / GATES_NAME, run.path / envelope_name(GATES_NAME)
    if envelope.exists() and not signed and encoded(statement) != (file.read_bytes() if file.exists() else b""):
        raise UsageError(f"{envelope} signs other results than these; sign anew (--sign), or give another folder")
    save(file, encoded(statement))
