"""Verifying a run: its folder is inspected, then the model and the inputs, and some rows are explained again."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain import checks
from onnxplain.errors import BadInputError, OnnxplainError, UsageError
from onnxplain.runs.folder import END
from onnxplain.runs.job import NAME as JOB
from onnxplain.runs.proof import attest, statement
from onnxplain.runs.proof.derived import check_statements
from onnxplain.runs.proof.inspection import REPORT, Inspection
from onnxplain.runs.proof.material import check_inputs, check_listing, check_model, check_targets
from onnxplain.runs.proof.rerun import BOUND, Rerun, drawn
from onnxplain.runs.proof.shards import Shards
from onnxplain.runs.proof.signing import read_public
from onnxplain.runs.proof.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSIGNED = "whoever can write to the folder could have made all of it anew"
_HEAD = re.compile("[0-9a-f]{64}")


def verify(
    path: str | Path,
    *,
    model: str | Path | None = None,
    inputs: str | Path | None = None,
    replay: int = 0,
    key: str | Path | None = None,
    expect: str | None = None,
    draw: str = "",
    bound: float = BOUND,
    alone: bool = False,
    **options: Any,
) -> Verification:
    """Check that a run is what it was when it was made, and return what came of it, which is true where all is.

    Every file is hashed and compared with what the others state of it; files that are missing, or do not belong there,
    are named. Without a signature that shows damage, not forgery: whoever can write to the folder can make it anew.

    model, inputs: the file and the data folder, which are checked too; where they are not given, they are looked for
    where the run says that they were, unless `alone`. key: the Ed25519 public key of who signed the run. expect: the
    ledger's head, as somebody noted it elsewhere.
    replay: so many rows are explained again, each in the batch that it was in. The ledger's head chooses them, and
    `draw`, any text that whoever made the run did not know. On the versions and the kind of processor of the run the
    bits have to be equal; on others, and on a GPU, a row may be apart by `bound` of its largest number.
    options: a composite and a baseline of numbers, as method= and baseline=, of which a job has the sha256 alone.

    Raises BadInputError where there is no run, or the key is none; what is off is no error, but in the result.
    """
    checks.whole(0, replay=replay)
    checks.real(bound=bound)
    if expect is not None and _HEAD.fullmatch(expect) is None:
        raise UsageError(f"expect={expect!r}: expected the sha256 of the ledger's last line, 64 hexadecimal digits")
    folder = Path(path)
    if not any((folder / name).exists() for name in (JOB, END, statement.NAME)):
        raise BadInputError(f"{folder}: no run is there; expected a folder that `onnxplain run` or ox.run wrote")
    public = None if key is None else read_public(key)
    asked = _Asked(model, inputs, replay, draw, bound, alone, options)
    return _Verifying(Inspection(folder, public, expect), asked).result()


@dataclass(frozen=True)
class _Asked:
    """What is to be checked besides the folder; see `verify`."""

    model: str | Path | None
    inputs: str | Path | None
    replay: int
    draw: str
    bound: float
    alone: bool
    options: Mapping[str, Any]


@dataclass
class _Verifying:
    """A verification under way."""

    inspection: Inspection
    asked: _Asked
    checked: dict[str, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    differences: dict[int, float] = field(default_factory=dict)

    def result(self) -> Verification:
        """Check everything in its order."""
        inspection = self.inspection
        inspection.read()
        shards = Shards(inspection)
        shards.check()
        listed = check_listing(inspection, shards.reasons)
        check_targets(inspection)
        check_statements(inspection, shards)
        inspection.compare_signed()
        inspection.strays()
        self._say_folder(shards)
        model = self._model()
        inputs = self._inputs() if listed else None
        self._replay(shards, model, inputs)
        job = None if inspection.job is None else inspection.job.id
        found = tuple(inspection.findings)
        about = self.checked, self.unchecked, job, inspection.head, self.differences
        return Verification(str(inspection.path), found, *about)

    def _say_folder(self, shards: Shards) -> None:
        """Say what the folder holds, and who vouches for it."""
        inspection, job = self.inspection, self.inspection.job
        if job is not None:
            self.checked["job"] = (
                f"{job.asked['method']['name']} of {job.asked['model'].get('name')}, job {job.id[:12]}"
            )
        if shards.whole:
            failed = f", {shards.failed} failed" if shards.failed else ""
            self.checked["rows"] = f"{shards.done} done{failed}, in {shards.count} shard{'s' * (shards.count != 1)}"
        if inspection.head is not None:
            self.checked["ledger"] = f"head {inspection.head}"
        if inspection.gates:
            self.checked["gates"] = f"as {statement.GATES_NAME} says, {inspection.gates}"
        by = f"it is signed by {inspection.signers}, whose key is not given" if inspection.signers else "there is none"
        if inspection.key is None:
            self.unchecked["signature"] = f"{by}; {_UNSIGNED}" if inspection.expect is None else by
        elif attest.envelope_name(statement.NAME) not in {each.where for each in inspection.findings}:
            self.checked["signature"] = f"of the key {inspection.key_name}"
        if (inspection.path / REPORT).exists():
            self.unchecked["report"] = f"{REPORT} is made from the run; make it again"

    def _where(self, name: str, given: str | Path | None) -> Path | None:
        """Return where the model or the inputs are, by what was given or by what run.json says; None for nowhere."""
        if given is not None:
            return Path(given)
        if self.asked.alone:
            return None
        stated = (self.inspection.end or {}).get("where", {}).get(name)
        if not isinstance(stated, str) or not os.path.exists(stated):  # noqa: PTH110 - it raises for no text
            self.unchecked[name] = f"nothing is at {stated}; --{name} says where" if stated else f"--{name} says where"
            return None
        return Path(stated)

    def _model(self) -> Path | None:
        """Check the model, and return where it is; None where it is not there or another one."""
        if self.inspection.job is None:
            return None
        path = self._where("model", self.asked.model)
        if path is None or not check_model(self.inspection, path):
            return None
        self.checked["model"] = (
            f"{path}: as the run read it, sha256 {self.inspection.job.asked['model']['file_sha256'][:12]}"
        )
        return path

    def _inputs(self) -> Path | None:
        """Check the inputs, and return their folder; None where it is not there."""
        root = self._where("inputs", self.asked.inputs)
        if root is None:
            return None
        before = len(self.inspection.findings)
        checked, missing = check_inputs(self.inspection, root)
        said = f", {missing} were missing when they were listed" if missing else ""
        if len(self.inspection.findings) == before:
            files = "1 file in" if checked == 1 else f"{checked} files in"
            self.checked["inputs"] = f"{files} {root}: as the run read them{said}"
        return root

    def _replay(self, shards: Shards, model: Path | None, inputs: Path | None) -> None:
        """Explain some rows again, where all that they need is sound."""
        inspection, asked = self.inspection, self.asked
        if not asked.replay:
            return
        if inspection.findings or model is None or inputs is None or inspection.job is None or inspection.end is None:
            why = "what is off comes first" if inspection.findings else "it needs the model and the inputs"
            self.unchecked["replay"] = why
            if not inspection.findings:
                inspection.off("replay", f"{asked.replay} rows were to be explained again: {why}")
            return
        from onnxplain.runs.again import Again

        try:
            again = Again(inspection.folder, inspection.job, model, inputs, **asked.options)
        except (OnnxplainError, KeyError, TypeError, ValueError, AttributeError) as problem:  # a job may say anything
            inspection.off("replay", f"the rows cannot be explained again: {' '.join(str(problem).split())}")
            return
        found = Rerun(
            inspection.folder,
            inspection.job,
            again,
            inspection.end,
            shards.versions or {},
            shards.reasons,
            asked.bound,
        )
        rows = drawn(str(inspection.head), asked.replay, inspection.job.rows, asked.draw)
        for each in found.compare(rows):
            self.differences[each.index] = each.difference
            if each.wrong is not None:
                inspection.off(f"row {each.index} ({each.name})", each.wrong)
        far = max(self.differences.values(), default=0.0)
        left = len(rows) - len(self.differences)
        equal = sum(not each for each in self.differences.values())
        said = f"{len(self.differences)} rows explained again, {equal} with equal bits"
        if far and not found.same_machine:
            said += f"; by other versions, another processor or a GPU they are up to {far:.3g} of the largest number"
            said += f" of the row apart, and {asked.bound:g} is the bound"
        self.checked["replay"] = said + (f"; {left} left out, which killed the process then" if left else "")
