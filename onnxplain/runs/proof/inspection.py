"""Inspecting the folder of a run: each file is hashed, and compared with what the others state of it.

What the longest chain states is taken for true: a signature, where there is a key; else the ledger, whose lines state
one another and the shards; else run.json. So a file that was changed is named itself, and not those that fit it no
longer. A file that cannot be read, or was found to be off, is not compared with further ones.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import VerificationError
from onnxplain.runs import job as jobs
from onnxplain.runs import ledger
from onnxplain.runs.encoded import decoded, encoded
from onnxplain.runs.folder import END, SHARDS, Folder
from onnxplain.runs.job import Job
from onnxplain.runs.proof import attest, chain, statement
from onnxplain.runs.proof.form import COUNT, OBJECT, SHA, TEXT, misfit
from onnxplain.runs.proof.seal import is_whole
from onnxplain.runs.proof.signing import key_id
from onnxplain.runs.proof.verification import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from onnxplain.runs.proof.chain import Chain

REPORT = "report.html"
"""The one file of a folder that is made from the others, and not checked."""
_LARGEST = 2**28
"""Bytes of a file of JSON, beyond which it is none of a run."""
_SHARD = re.compile(rf"{SHARDS}/([0-9]{{6,12}})\.(?:json|npz)")
_ANY = {"...": None}
_JOB = {
    **_ANY,
    "format": COUNT,
    "model": {**_ANY, "external": OBJECT, "sha256": SHA, "file_sha256": SHA},
    "inputs": {"sha256": SHA, "files": COUNT, "rows": COUNT},
    "method": {**_ANY, "name": TEXT},
    "target": {**_ANY, "kind": TEXT},
    "store": TEXT,
    "shard_size": COUNT,
    "batch_size": COUNT,
}
_ROWS = {"asked": COUNT, "done": COUNT, "failed": COUNT}
_END = {
    "format": COUNT,
    "job": SHA,
    "rows": _ROWS,
    "shards": COUNT,
    "ledger": {"head": SHA, "sha256": SHA},
    "environment": OBJECT,
    "where": OBJECT,
    "begin": TEXT,
    "end": TEXT,
    "sha256": SHA,
}
_FILE = {"name": TEXT, "digest": {"sha256": SHA}}
_STATEMENT = {
    "_type": TEXT,
    "predicateType": TEXT,
    **_ANY,
    "predicate": {**_ANY, "job": _FILE, "ledger": {**_FILE, "head": SHA}, "rows": _ROWS, "versions": OBJECT},
}


@dataclass
class Inspection:
    """The files of a run as they are read, and what is off. key: the public half of that by which it was signed.

    expect: the sha256 of the ledger's last line, as somebody noted it when the run was made.
    """

    path: Path
    key: Ed25519PublicKey | None = None
    expect: str | None = None
    findings: list[Finding] = field(default_factory=list)
    job: Job | None = None
    end: dict[str, Any] | None = None
    statement: dict[str, Any] | None = None
    chain: Chain | None = None
    head: str | None = None
    signers: str = ""
    gates: str = ""
    _trusted: bytes | None = None
    _unlike: list[tuple[str, str]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.folder = Folder(self.path)

    def off(self, where: str, what: str) -> None:
        """Note that something is off."""
        self.findings.append(Finding(where, what))

    def read(self) -> None:
        """Read the files that state others, and compare what they state."""
        self.end = self.object(END, _END, whole=True)
        self._signed()
        self._statement()
        asked = self.object(jobs.NAME, _JOB)
        self.job = None if asked is None else self._job(asked)
        try:
            self.chain = chain.walk(self.folder.ledger) if self.is_file(ledger.NAME) else None
        except OSError as problem:
            self.off(ledger.NAME, f"it cannot be read ({problem.strerror})")
        self._compare_heads()
        self._compare_jobs()

    @property
    def broken(self) -> int | None:
        """The number of the ledger's line that is off."""
        return None if self.chain is None or self.chain.broken is None else self.chain.broken[0]

    # --- files -----------------------------------------------------------------------------------------------------

    def is_file(self, name: str) -> bool:
        """Return whether a file is there, and no link, pipe or folder in its place; where it is not, that is off."""
        self._seen.add(name)
        try:
            mode = (self.path / name).lstat().st_mode
        except OSError as problem:
            gone = "it is missing, so the run is not finished" if name == END else "it is missing"
            self.off(name, gone if isinstance(problem, FileNotFoundError) else f"{problem.strerror}")
            return False
        if not stat.S_ISREG(mode):
            self.off(name, "it is a symbolic link" if stat.S_ISLNK(mode) else "it is no regular file")
            return False
        return True

    def data(self, name: str) -> bytes | None:
        """Return what a file holds; None where it cannot be read, which is off."""
        if not self.is_file(name):
            return None
        try:
            if (self.path / name).stat().st_size > _LARGEST:
                self.off(name, f"it is larger than {_LARGEST} bytes")
                return None
            return (self.path / name).read_bytes()
        except OSError as problem:
            self.off(name, f"it cannot be read ({problem.strerror})")
            return None

    def object(self, name: str, form: dict[str, Any], *, whole: bool = False) -> dict[str, Any] | None:
        """Return the object of a file in canonical JSON; None where it is not as its form says, which is off.

        whole: whether it has a seal.
        """
        data = self.data(name)
        return None if data is None else self.parsed(name, data, form, whole=whole)

    def parsed(self, name: str, data: bytes, form: dict[str, Any], *, whole: bool = False) -> dict[str, Any] | None:
        """Return the object that bytes hold; see `object`."""
        try:
            found = decoded(data, name, "a file of a run")
            wrong = None if encoded(found) == data else "it is not in canonical JSON, in which a run writes it"
        except (ValueError, RecursionError) as problem:
            self.off(name, str(problem).removeprefix(f"{name}: "))
            return None
        wrong = wrong or misfit(found, form)
        if wrong is None and whole and not is_whole(found):
            wrong = "its sha256 is not the one that it states of itself"
        if wrong is not None:
            self.off(name, wrong)
            return None
        return found

    def strays(self) -> None:
        """Note whatever else lies in the folder. Called last: it names what nothing before has asked for."""
        for place in ("", f"{SHARDS}/"):
            for each in sorted((self.path / place).iterdir()) if (self.path / place).is_dir() else ():
                name = place + each.name
                known = name in self._seen or name == REPORT or self._is_shard(name)
                if not known and not (name == SHARDS and not each.is_symlink()):
                    self.off(name, "it does not belong to the run")

    def _is_shard(self, name: str) -> bool:
        """Whether a file is one of a shard of the job, where the ledger does not tell."""
        number = _SHARD.fullmatch(name)
        known = self.job is not None and (self.chain is None or self.chain.broken is not None)
        return number is not None and known and self.job is not None and int(number[1]) < self.job.shards

    # --- what they state of one another ------------------------------------------------------------------------------

    def _signed(self) -> None:
        """Read the statement and the signatures. With a key, the statement that it signed is taken for true."""
        for name, kind in attest.SIGNED.items():
            there = os.path.lexists(self.path / name)
            envelope = attest.envelope_name(name)
            needed = self.key is not None and (there or name != statement.GATES_NAME)
            if not needed and not os.path.lexists(self.path / envelope):
                continue
            data = self.data(envelope)
            signed = self.data(name) if there else None
            if data is None:
                continue
            try:
                found = attest.opened(data, kind, self.key)
            except VerificationError as problem:
                self.off(envelope, str(problem))
                continue
            self.signers = ", ".join(each.keyid[:12] for each in found.signatures)
            if name == statement.NAME and self.key is not None:
                self._trusted = found.payload
            if found.payload != signed:
                self._unlike.append((name, envelope))

    def _statement(self) -> None:
        data = self.data(statement.NAME) if self._trusted is None else self._trusted
        self.statement = None if data is None else self.parsed(statement.NAME, data, _STATEMENT)

    def compare_signed(self) -> None:
        """Name what is not what was signed: the file or, where no key tells and the file is sound, the envelope."""
        off = {each.where for each in self.findings}
        for name, envelope in self._unlike:
            if self.key is not None:
                self.off(name, f"it is not what was signed, which lies in {envelope}")
            elif name not in off:
                self.off(envelope, f"what is signed is not {name}")

    def _job(self, asked: dict[str, Any]) -> Job | None:
        if asked["format"] != jobs.FORMAT or not asked["shard_size"] or not asked["batch_size"]:
            self.off(jobs.NAME, f"it is of format {asked['format']}, with shards of {asked['shard_size']} rows")
            return None
        name, external = asked["model"].get("name"), asked["model"]["external"]
        wrong = misfit(external, dict.fromkeys(external, SHA), "model.external")
        if wrong is not None or not isinstance(name, (str, type(None))):
            self.off(jobs.NAME, wrong or "'model.name' is not a text")
            return None
        return Job(asked)

    def _compare_heads(self) -> None:
        """Find the head of the chain, by what most files state, and name those that state another one."""
        walked, stated = self.chain, {} if self.end is None else {END: self.end["ledger"]}
        if self.statement is not None:
            about = self.statement["predicate"]["ledger"]
            stated[statement.NAME] = {"head": about["head"], "sha256": about["digest"]["sha256"]}
        heads = {name: each["head"] for name, each in stated.items()}
        last = {} if walked is None or walked.last is None else {ledger.NAME: walked.last}
        if self._trusted is not None and statement.NAME in heads:
            self.head = heads[statement.NAME]
        else:
            self.head = self.expect or chain.agreed({**heads, **last})
        if self.expect is not None and self.expect != self.head:
            self.off(statement.NAME, f"the head that it states is not the expected one, {self.expect}")
        if walked is not None:
            walked.end(self.head)
            if walked.broken is not None:
                self.off(f"{ledger.NAME} line {walked.broken[0]}", walked.broken[1])
        for name, each in stated.items():
            if each["head"] != self.head:
                self.off(name, f"it states the head {each['head'][:12]} of the ledger, which is {str(self.head)[:12]}")
            elif walked is not None and walked.broken is None and each["sha256"] != walked.sha256:
                self.off(name, "it states another sha256 of ledger.jsonl")

    def _compare_jobs(self) -> None:
        """Find the job, by what the first line of the ledger states, and name the files that are of another one."""
        first = self.chain.first if self.chain is not None and self.broken != 1 else None
        stated = {} if self.end is None else {END: self.end["job"]}
        if self.statement is not None:
            stated[statement.NAME] = self.statement["predicate"]["job"]["digest"]["sha256"]
        trusted = stated.get(statement.NAME) if self._trusted is not None else None
        expected = trusted or first or stated.get(END) or stated.get(statement.NAME)
        if expected is None:
            return
        if self.job is not None and self.job.id != expected:
            self.off(jobs.NAME, f"its sha256 is {self.job.id[:12]}, and the ledger is of the job {expected[:12]}")
            self.job = None
        for name, each in stated.items():
            if each != expected:
                self.off(name, f"it is of the job {each[:12]}, and the ledger of {expected[:12]}")

    @property
    def key_name(self) -> str:
        """The beginning of the id of the key."""
        return "" if self.key is None else key_id(self.key)[:12]
