"""The folder of a run: where its files lie, and in which order they are written.

Each file is written beside its place and renamed, a receipt after its data, run.json last. So whatever was stopped at
whatever moment, a file that is there is whole, and a folder with run.json is finished.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.files import regular
from onnxplain.runs import job as jobs
from onnxplain.runs import ledger, listing, targets
from onnxplain.runs.archive import packed, unpacked
from onnxplain.runs.encoded import decoded, digest, encoded, file_digest
from onnxplain.runs.job import Job
from onnxplain.runs.proof import statement
from onnxplain.runs.proof.seal import sealed
from onnxplain.runs.proof.statement import run_statement
from onnxplain.runs.receipt import Receipt
from onnxplain.show.atomic import make_folder, save_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from onnxplain.arrays import Array
    from onnxplain.runs.receipt import Failed

END = "run.json"
SHARDS = "shards"
_LEFT = re.compile(r"\..+\.[0-9a-f]{8}")
"""The name of a file that was being written when its process was killed."""


class Folder:
    """The files of a run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    # --- where the files lie --------------------------------------------------------------------------------------

    @property
    def listing(self) -> Path:
        """The listing of the inputs."""
        return self.path / listing.NAME

    @property
    def ledger(self) -> Path:
        """The chain of the receipts."""
        return self.path / ledger.NAME

    @property
    def end(self) -> Path:
        """What is written last."""
        return self.path / END

    @property
    def targets(self) -> Path:
        """The class index of each row, where each has one of its own."""
        return self.path / targets.NAME

    def data(self, shard: int) -> Path:
        """Return where the columns of a shard lie."""
        return self.path / SHARDS / f"{shard:06d}.npz"

    def proof(self, shard: int) -> Path:
        """Return where the receipt of a shard lies."""
        return self.path / SHARDS / f"{shard:06d}.json"

    # --- reading --------------------------------------------------------------------------------------------------

    def job(self) -> Job | None:
        """Return the job of the folder; None where there is none yet. Raises BadInputError where it is broken."""
        path = self.path / jobs.NAME
        return Job.read(_bytes(path), str(path)) if path.exists() else None

    def finished(self) -> dict[str, Any] | None:
        """Return what run.json holds; None where the run is not finished."""
        return decoded(_bytes(self.end), str(self.end), "the end of a run") if self.end.exists() else None

    def receipt(self, shard: int) -> Receipt:
        """Return the receipt of a shard. Raises BadInputError, which names the file, where it is missing or broken."""
        path = self.proof(shard)
        return Receipt.read(_bytes(path), str(path))

    def columns(self, shard: int) -> tuple[Receipt, dict[str, Array]]:
        """Return the receipt and the columns of a shard.

        Raises BadInputError, which names the file, where the data are not those of the receipt.
        """
        receipt, path = self.receipt(shard), self.data(shard)
        data = _bytes(path)
        if digest(data) != receipt.sha256:
            raise BadInputError(f"{path}: its sha256 is not that of its receipt; it was changed since it was written")
        return receipt, unpacked(data, str(path))

    def row_targets(self, job: Job) -> Array | None:
        """Return the class index that each row is explained for; None where the job does not state it by row.

        Raises BadInputError where they are missing, or not those of the job.
        """
        if job.asked["target"]["kind"] != jobs.BY_ROW:
            return None
        if file_digest(regular(self.targets, "the targets of a run")) != job.asked["target"].get("sha256"):
            raise BadInputError(f"{self.targets}: its sha256 is not the one that job.json states")
        try:
            found: Array = np.load(self.targets, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as problem:
            raise BadInputError(
                f"{self.targets}: cannot be read ({problem}); expected the targets of a run"
            ) from problem
        if found.shape != (job.rows,):
            raise BadInputError(f"{self.targets}: {found.shape} targets, and job.json states {job.rows} rows")
        return found

    def receipts(self, job: Job) -> Iterator[Receipt]:
        """Yield the receipts of all shards in their order. Raises BadInputError where one is missing."""
        return (self.receipt(shard) for shard in range(job.shards))

    def is_done(self, job: Job, shard: int, versions: Mapping[str, str | None]) -> bool:
        """Return whether a shard is there, whole, and of this job.

        Raises UsageError where it was made with other versions of the packages: its bits may be others.
        """
        if not self.proof(shard).exists() or not self.data(shard).exists():
            return False
        try:
            receipt = self.receipt(shard)
        except BadInputError:
            return False
        if receipt.job != job.id or file_digest(self.data(shard)) != receipt.sha256:
            return False
        other = [f"{k} {receipt.versions.get(k)}" for k in versions if versions[k] != receipt.versions.get(k)]
        if other:
            raise UsageError(
                f"{self.path}: shard {shard} was made with {', '.join(other)}, which is not what is installed now; "
                "go on with those versions, or begin another folder"
            )
        return True

    # --- writing --------------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the folder, unless it is there."""
        make_folder(self.path / SHARDS)

    def begin(self, job: Job, target: Any = None) -> None:
        """Write the job, unless it is there, behind its targets, if it has some by row. Its listing has to be there."""
        data = target.encoded if isinstance(target, targets.PerRow) else None
        if data is not None and not self.targets.exists():
            save(self.targets, data)
        if not (self.path / jobs.NAME).exists():
            save(self.path / jobs.NAME, job.encoded)

    def write(
        self, job: Job, shard: int, columns: Mapping[str, Array], failed: Sequence[Failed], versions: dict[str, Any]
    ) -> Receipt:
        """Write the columns of a shard, then its receipt, and return that."""
        rows, data = job.rows_of(shard), packed(columns)
        done = len(columns["index"])
        ordered = tuple(sorted(failed))
        receipt = Receipt(job.id, shard, rows.start, len(rows), done, ordered, digest(data), len(data), versions)
        save(self.data(shard), data)
        save(self.proof(shard), receipt.encoded())
        return receipt

    def close(self, job: Job, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write the ledger, then run.json, and return what that holds. about: what it states besides the counts.

        Raises BadInputError where a receipt is missing or broken.
        """
        head, done = job.id, 0

        def counted() -> Iterator[Receipt]:
            nonlocal done
            for receipt in self.receipts(job):
                done += receipt.done
                yield receipt

        def write(file: BinaryIO) -> None:
            nonlocal head
            for line in ledger.lines(job.id, counted()):
                file.write(line + b"\n")
                head = digest(line)

        save_atomic(self.ledger, write)
        found = {
            "format": jobs.FORMAT,
            "job": job.id,
            "rows": {"asked": job.rows, "done": done, "failed": job.rows - done},
            "shards": job.shards,
            "ledger": {"head": head, "sha256": file_digest(self.ledger)},
            **about,
        }
        for left in (each for place in (self.path, self.path / SHARDS) for each in place.iterdir()):
            if _LEFT.fullmatch(left.name):
                left.unlink(missing_ok=True)
        first, closed = self.receipt(0), found["ledger"]
        about_run = run_statement(job, closed["sha256"], closed["head"], found["rows"], first.versions)
        save(self.path / statement.NAME, encoded(about_run))
        save(self.end, encoded(sealed(found)))
        return found


def check_outside(path: str | Path) -> None:
    """Raise UsageError where a file would be written into the folder of a run, whose files are evidence."""
    for folder in Path(path).resolve().parents:
        if (folder / jobs.NAME).is_file() and (folder / listing.NAME).is_file():
            raise UsageError(f"{path} lies in {folder}, the folder of a run, which is evidence; write somewhere else")


def save(path: Path, data: bytes) -> None:
    """Write a file whole."""
    save_atomic(path, lambda file: file.write(data))


def _bytes(path: Path) -> bytes:
    try:
        return regular(path, "a file of a run").read_bytes()
    except OSError as problem:
        raise BadInputError(f"{path}: cannot be read ({problem.strerror})") from problem
