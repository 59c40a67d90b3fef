"""The work on a shard: its rows are read, explained in batches that the job fixes, and written with a receipt.

A row that cannot be read or explained is noted with the reason, and the others go on. The batches are cut by the places
of the rows in the shard, so what is written does not depend on who else works on the run.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from onnxplain.errors import BadInputError, OnnxplainError
from onnxplain.inputs.batch import together
from onnxplain.runs.columns import columns_of, joined
from onnxplain.runs.job import BY_FOLDER
from onnxplain.runs.listing import Listing
from onnxplain.runs.reader import Rows
from onnxplain.runs.receipt import Failed
from onnxplain.versions import MACHINE, versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from onnxplain.explainer import Explainer
    from onnxplain.explanation import Explanation
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.runs.folder import Folder
    from onnxplain.runs.job import Job
    from onnxplain.runs.listing import Piece
    from onnxplain.runs.receipt import Receipt

    _Explained: TypeAlias = tuple[list[int], Explanation]
    """Rows that were explained together: their indices in the run, and their explanation."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
KILLED = "the process that explained it died of it, twice"
"""The reason of a row that was found to kill its worker."""


class _Read(NamedTuple):
    """Rows of one input, read, and where they came from."""

    piece: Piece
    batch: Batch


class Work:
    """Explains shards of a run. explainer: of the run's job. root: the folder that the names of inputs are relative to.

    target: the same for all rows, or None; not read where the job explains by folder.
    """

    def __init__(self, folder: Folder, job: Job, explainer: Explainer, root: Path, target: Any = None) -> None:
        self.folder, self.job, self.explainer, self.root = folder, job, explainer, root
        self.rows = Rows(explainer.model, explainer.feeds, root)
        self.listing = Listing(folder.listing)
        self._target = target
        self._by_row = folder.row_targets(job)
        self._by_folder = job.asked["target"]["kind"] == BY_FOLDER
        stated = job.asked["method"]["seed"]
        self._seed = stated if isinstance(stated, str) else None
        self.versions = part(explainer)

    def __call__(self, shard: int, killers: Collection[int] = ()) -> Receipt:
        """Explain a shard and write it. killers: indices of rows that are left out, since a process died of them."""
        failed: list[Failed] = []
        store = self.job.store
        parts = [columns_of(e, indices, store) for indices, e in self._all(self.job.rows_of(shard), killers, failed)]
        return self.folder.write(self.job, shard, joined(parts, store), failed, self.versions)

    def explain(self, rows: range, killers: Collection[int] = ()) -> None:
        """Explain some rows, and keep nothing of it: a process that dies of them is all that is learnt."""
        for _ in self._all(rows, killers, []):
            pass

    def explanation(self, index: int, receipt: Receipt) -> Explanation:
        """Return the explanation of a row that is done, made again in the batch that it was in.

        receipt: that of its shard. Raises BadInputError where the row cannot be explained now.
        """
        start = receipt.first + (index - receipt.first) // self.job.batch_size * self.job.batch_size
        rows = range(start, min(start + self.job.batch_size, receipt.first + receipt.rows))
        failed: list[Failed] = []
        killers = [each.index for each in receipt.failed if each.reason == KILLED]
        for indices, e in self._all(rows, killers, failed):
            if index in indices:
                return e[indices.index(index)]
        raise BadInputError(next((each.reason for each in failed if each.index == index), f"there is no row {index}"))

    def batch(self, index: int) -> Batch:
        """Return a row, read. Raises BadInputError where it cannot be read, or is another one than was listed."""
        return self.rows.read(next(self.listing.pieces(range(index, index + 1))))

    def _all(self, rows: range, killers: Collection[int], failed: list[Failed]) -> Iterator[_Explained]:
        """Yield the explanations of some rows, which begin with a batch, and note those that fail."""
        pieces, size = list(self.listing.pieces(rows)), self.job.batch_size
        for start in range(rows.start, rows.stop, size):
            stop = min(start + size, rows.stop)
            parts = (each.part(start, stop) for each in pieces if each.first < stop and each.indices.stop > start)
            alive = [each for part in parts for each in _without(part, killers)]
            yield from self._explain([read for piece in alive for read in self._read(piece, failed)], failed)
        failed += [Failed(i, each.name_of(i), KILLED) for each in pieces for i in killers if i in each.indices]

    def _read(self, piece: Piece, failed: list[Failed]) -> Iterator[_Read]:
        """Yield the rows of a piece: together or, where they cannot be read so, each alone."""
        try:
            yield _Read(piece, self.rows.read(piece))
        except Exception as problem:
            if not _of_rows(problem):
                raise
            if len(piece.indices) == 1:
                failed.append(self._failed(piece, problem))
                return
        else:
            return
        for i in piece.indices:
            yield from self._read(piece.part(i, i + 1), failed)

    def _explain(self, read: list[_Read], failed: list[Failed]) -> Iterator[_Explained]:
        """Yield the explanations of rows: of one batch or, where they make none or one is at fault, of each alone."""
        batch = together([each.batch for each in read]) if len(read) > 1 else read[0].batch if read else None
        if batch is None:
            for each in read:
                yield from self._explain([each], failed)
            return
        try:
            e = self.explainer(batch, self._targets(read), seed=self._seed)
        except Exception as problem:
            if not _of_rows(problem):
                raise
            if len(batch.x) == 1:
                failed.append(self._failed(read[0].piece, problem))
                return
        else:
            yield [i for each in read for i in each.piece.indices], e
            return
        for each in read:
            for place, i in enumerate(each.piece.indices):
                alone = _Read(each.piece.part(i, i + 1), each.batch.rows(slice(place, place + 1)))
                yield from self._explain([alone], failed)

    def _targets(self, read: list[_Read]) -> Any:
        """Return the target of the rows: that of the run, or for each its own or the name of its folder."""
        if self._by_row is not None:
            return [int(self._by_row[i]) for each in read for i in each.piece.indices]
        if not self._by_folder:
            return self._target
        return [folder_of(each.piece.entry.name) for each in read for _ in each.piece.indices]

    def _failed(self, piece: Piece, problem: Exception) -> Failed:
        """Return why a row failed, in words without a path or an address of this machine."""
        said = str(problem) if isinstance(problem, OnnxplainError) else f"{type(problem).__name__}: {problem}"
        said = said.replace(f"{self.root}{os.sep}", "")
        return Failed(piece.first, piece.name_of(piece.first), _ADDRESS.sub("", said))


def with_threads(model: Model) -> Model:
    """Return a model whose operators run on a stated number of threads: that which it was loaded with, or else one.

    The last digits may depend on that number, so a job states it, whatever machine it runs on.
    """
    if model.settings.threads is not None:
        return model
    return replace(model, settings=replace(model.settings, threads=1))


def part(explainer: Explainer) -> dict[str, str | None]:
    """Return the versions of the packages that take part in a number, by name."""
    known = versions(explainer.model.device, explainer.parameters)
    return {name: value for name, value in known.items() if name not in MACHINE}


def folder_of(name: str) -> str:
    """Return the name of the folder that an input lies in, which is its class; "" where it lies in none."""
    parts = name.split("/")
    return parts[-2] if len(parts) > 1 else ""


def _of_rows(problem: Exception) -> bool:
    """Whether an error is of the rows, so that others can go on.

    What the model or the method cannot do is no fault of a row, and neither is a lack of memory, which may pass.
    """
    return isinstance(problem, BadInputError) or not isinstance(problem, (OnnxplainError, MemoryError))


def _without(piece: Piece, killers: Collection[int]) -> Iterator[Piece]:
    """Yield the parts of a piece between the rows that are left out."""
    start = piece.first
    for out in sorted(i for i in killers if i in piece.indices):
        if start < out:
            yield piece.part(start, out)
        start = out + 1
    if start < piece.indices.stop:
        yield piece.part(start, piece.indices.stop)
