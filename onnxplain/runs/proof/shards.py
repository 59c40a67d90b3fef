"""Checking the shards of a run: each receipt and each .npz, compared with the line of the ledger that is of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.progress import progress
from onnxplain.runs import ledger
from onnxplain.runs.encoded import digest, encoded, file_digest
from onnxplain.runs.folder import SHARDS
from onnxplain.runs.proof import chain
from onnxplain.runs.proof.form import COUNT, LIST, OBJECT, SHA, TEXT, misfit
from onnxplain.runs.proof.members import index_of

if TYPE_CHECKING:
    from onnxplain.runs.ledger import Line
    from onnxplain.runs.proof.inspection import Inspection

_RECEIPT = {
    **dict.fromkeys(("shard", "first", "rows", "done", "size"), COUNT),
    **dict.fromkeys(("job", "sha256"), SHA),
    "versions": OBJECT,
    "failed": LIST,
}
_FAILED = {"index": COUNT, "name": TEXT, "reason": TEXT}


@dataclass
class Shards:
    """The shards of a run as they are checked.

    count: how many. done, failed: rows in all. versions: of the packages, which all receipts have to state alike.
    whole: whether every one of them was compared, so that the counts are those of the run. reasons: why rows failed, by
    their index.
    """

    inspection: Inspection
    count: int = 0
    done: int = 0
    failed: int = 0
    versions: dict[str, Any] | None = None
    whole: bool = True
    reasons: dict[int, tuple[str, str]] = field(default_factory=dict)

    def check(self) -> None:
        """Check all shards of the ledger."""
        inspection = self.inspection
        if inspection.chain is None:
            self.whole = False
            return
        with progress("verify", inspection.chain.count, "shard") as bar:
            for number, line in enumerate(chain.lines(inspection.folder.ledger)):
                before = len(inspection.findings)
                self.whole &= self._check_line(line, number) and len(inspection.findings) == before
                self.count += 1
                bar.update(1)
        job = inspection.job
        if job is not None and job.shards != self.count and inspection.broken is None:
            self.whole = False
            inspection.off(ledger.NAME, f"it has {self.count} lines, and the job {job.shards} shards")

    def _check_line(self, line: Line | None, number: int) -> bool:
        """Check the shard of a line, and return whether that could be done."""
        inspection, job = self.inspection, self.inspection.job
        if inspection.broken is not None and (job is None or number >= job.shards):
            return False
        receipt, npz = (f"{SHARDS}/{number:06d}.{ending}" for ending in ("json", "npz"))
        there = [inspection.is_file(name) for name in (receipt, npz)]
        if line is None or inspection.broken == number + 1 or not all(there):
            return False
        self._check(line, number, receipt, npz)
        return True

    def _check(self, line: Line, number: int, receipt: str, npz: str) -> None:
        """Check a shard: its receipt, then its arrays. receipt, npz: the names of its files."""
        inspection = self.inspection
        failed, size = None, None
        data = inspection.data(receipt)
        if data is None:
            return
        if digest(data) != line.receipt:
            inspection.off(receipt, f"its sha256 is not the one that {ledger.NAME} states in line {number + 1}")
        else:
            found = inspection.parsed(receipt, data, _RECEIPT)
            wrong = None if found is None else self._wrong(found, line, number)
            if wrong is not None:
                inspection.off(receipt, wrong)
            elif found is not None:
                failed, size = [each["index"] for each in found["failed"]], found["size"]
                self.reasons |= {each["index"]: (each["name"], each["reason"]) for each in found["failed"]}
        path = inspection.path / npz
        try:
            sound = file_digest(path) == line.npz
        except OSError as problem:
            inspection.off(npz, f"it cannot be read ({problem.strerror})")
            return
        if sound and size not in (None, path.stat().st_size):
            inspection.off(receipt, f"'size' is {size}, and the file has {path.stat().st_size} bytes")
        elif not sound:
            inspection.off(npz, f"its sha256 is not the one that {ledger.NAME} states in line {number + 1}")
        elif wrong := self._wrong_inside(number, npz, failed, line.done):
            inspection.off(npz, wrong)
        self.done, self.failed = self.done + line.done, self.failed + line.failed

    def _wrong(self, found: dict[str, Any], line: Line, number: int) -> str | None:
        """Return in what a receipt does not fit the ledger and the job."""
        job, rows = self.inspection.job, found["failed"]
        wrong = next((each for row in rows if (each := misfit(row, _FAILED, "failed"))), None)
        if wrong is not None:
            return wrong
        if self.versions is None:
            self.versions = found["versions"]
        expected = {"shard": number, "done": line.done, "sha256": line.npz, "versions": self.versions}
        if job is not None:
            expected |= {"job": job.id, "first": job.rows_of(number).start, "rows": len(job.rows_of(number))}
        wrong = next((key for key in expected if found[key] != expected[key]), None)
        if wrong is not None:
            return f"{wrong!r} is {_short(found[wrong])}, expected {_short(expected[wrong])}"
        indices = [row["index"] for row in rows]
        within = range(found["first"], found["first"] + found["rows"])
        if indices != sorted(set(indices)) or not all(i in within for i in indices):
            return "the rows that failed are not rows of the shard, in their order"
        right = len(rows) == line.failed and found["rows"] == line.done + line.failed
        return None if right else "its counts do not add up"

    def _wrong_inside(self, number: int, npz: str, failed: list[int] | None, done: int) -> str | None:
        """Return what is wrong with an archive of arrays, whose sha256 is right."""
        try:
            index = index_of(self.inspection.path / npz)
        except ValueError as problem:
            return str(problem)
        job = self.inspection.job
        if job is None or failed is None or len(index) != done:
            return None if len(index) == done else f"it has {len(index)} rows, and its receipt {done}"
        expected = np.setdiff1d(np.arange(job.rows_of(number).start, job.rows_of(number).stop), failed)
        return None if np.array_equal(index, expected) else "it has other rows than its receipt"


def _short(value: Any) -> str:
    text = encoded(value).decode()
    return text if len(text) <= 64 else f"{text[:64]}..."
