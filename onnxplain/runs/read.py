"""Reading a run: its rows one by one, in memory that does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.columns import Maps
from onnxplain.runs.encoded import file_digest
from onnxplain.runs.folder import Folder
from onnxplain.runs.job import ATTRIBUTION
from onnxplain.runs.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.runs.again import Again
    from onnxplain.runs.job import Job
    from onnxplain.runs.receipt import Failed

COLUMNS = ("index", "name", "sha256", "target", "label", "score", "probability", "delta")
"""The columns of a table that have one value for each row."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a run.

    index: of the input's row, counted over all inputs, those that failed among them. name: of the input relative to the
    data folder, with [k] behind it where it has several rows. sha256: of its file. target: class index, -1 for a value
    within the network. label: its name. score: of the target. probability: of the target, None where the file gives
    none. scores: of all classes [C]. delta: how far the attributions are from what they should sum to, None where no
    law says so. relevance: the channels summed, in the shape of the input without them. attribution: all numbers, where
    the run stored them, else None.
    """

    index: int
    name: str
    sha256: str
    target: int
    label: str
    score: float
    probability: float | None
    scores: Array = field(repr=False)
    delta: float | None
    relevance: Array = field(repr=False)
    attribution: Array | None = field(default=None, repr=False)

    @property
    def gap(self) -> float | None:
        """The gap |Σ attribution - due| as a share of |due|, what the attributions should sum to; None without a law.

        It is infinite where they should sum to 0 and do not.
        """
        if self.delta is None:
            return None
        due = abs(float(self.relevance.sum(dtype=np.float64)) - self.delta)
        return 0.0 if self.delta == 0 else abs(self.delta) / due if due else float("inf")


class _Shard(NamedTuple):
    """A shard that was read. names: name and sha256 of each row that was asked for, those that failed among them."""

    first: int
    columns: Mapping[str, Array]
    names: list[tuple[str, str | None]]


class Run:
    """A finished run: `len(r)`, `r[i]`, iteration, `r.rows()`, `r.table()`, `r.failed`.

    Rows are known by their index, which counts all rows of the inputs; those that failed have none here.
    Raises BadInputError for a folder that holds no run, an unfinished one, or one whose listing was changed.
    """

    def __init__(self, path: str | Path) -> None:
        self.folder = Folder(path)
        self.path = self.folder.path
        job = self.folder.job()
        if job is None:
            raise BadInputError(f"{path}: no run is there; expected a folder that `onnxplain run` or ox.run wrote")
        self.job: Job = job
        end = self.folder.finished()
        if end is None:
            done = sum(self.folder.proof(shard).exists() for shard in range(job.shards))
            raise BadInputError(
                f"{path}: the run is not finished, {done} of {job.shards} shards are done; run it again with the same "
                "arguments, and it goes on"
            )
        self.end: dict[str, Any] = end
        self._check()
        self._listing = Listing(self.folder.listing)
        self._shard: _Shard | None = None
        self._again: Again | None = None

    def _check(self) -> None:
        """Raise BadInputError where run.json is of another job, or the listing is not that of the job."""
        missing = [key for key in ("job", "rows", "environment") if key not in self.end]
        if missing or self.end["job"] != self.job.id:
            why = f"it has no {missing[0]!r}" if missing else "it is of another job than job.json"
            raise BadInputError(f"{self.folder.end}: {why}")
        if not self.folder.listing.is_file() or file_digest(self.folder.listing) != self.job.asked["inputs"]["sha256"]:
            raise BadInputError(f"{self.folder.listing}: it is not the listing that the job states, by its sha256")

    @property
    def id(self) -> str:
        """The id of the job: the sha256 of job.json."""
        return self.job.id

    @property
    def environment(self) -> dict[str, Any]:
        """What it was made on: versions, processor, threads, providers."""
        return dict(self.end["environment"])

    @property
    def counts(self) -> dict[str, int]:
        """How many rows were asked for, are done, and failed."""
        return dict(self.end["rows"])

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes; None where none are known."""
        return self.job.labels

    @cached_property
    def failed(self) -> list[Failed]:
        """The rows that could not be explained, each with index, name and reason."""
        return [each for receipt in self.folder.receipts(self.job) for each in receipt.failed]

    def __len__(self) -> int:
        """Return how many rows were explained."""
        return int(self.counts["done"])

    def rows(self) -> Iterator[Row]:
        """Yield the rows that were explained, in the order of their index; one shard at a time is in memory."""
        for number in range(self.job.shards):
            shard = self._read(number)
            for place in range(len(shard.columns["index"])):
                yield self._row(shard, place)

    def row(self, index: int) -> Row:
        """Return a row by its index. Raises IndexError where there is none, BadInputError where it failed."""
        shard, place = self._find(index)
        return self._row(shard, place)

    def __iter__(self) -> Iterator[Explanation]:
        """Yield the explanation of each row, made again; see `r[i]`."""
        for row in self.rows():
            yield self[row.index]

    def __getitem__(self, index: int) -> Explanation:
        """Return a row as an explanation, with its picture: it is made again, from the model and the input.

        They have to be where they were, or where `open` says. Raises BadInputError where they are missing or others.
        """
        self._find(index)
        return self._opened.explanation(index)

    def open(self, model: Any = None, inputs: Any = None, **options: Any) -> Run:
        """Say where model and inputs are now, and return the run itself. What is not given is where it was.

        model: a path, or what `load` returns. inputs: the data folder. options: what a job states by its sha256 alone:
        method=, a composite, and baseline=, an array.
        Raises BadInputError where the model is another one, or they are missing.
        """
        from onnxplain.runs.again import Again

        where = self.end.get("where", {})
        model, inputs = (given or where.get(name) for given, name in ((model, "model"), (inputs, "inputs")))
        if model is None or inputs is None:
            raise BadInputError(
                f"{self.path}: the run does not say where model and inputs are; r.open(model=, inputs=)"
            )
        self._again = Again(self.folder, self.job, model, inputs, **options)
        return self

    @property
    def again(self) -> Again:
        """What explains rows again, from where the run or `open` says that model and inputs are."""
        return self._opened

    @property
    def _opened(self) -> Again:
        if self._again is None:
            self.open()
        if self._again is None:
            raise UsageError("open() found no model")
        return self._again

    def table(self) -> dict[str, Array]:
        """Return columns by name: index, name, sha256, target, label, score, probability, delta and scores.

        Each is an array with an entry for each row; scores is [N, C]. probability and delta are NaN where none is.
        """
        found: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, "scores")}
        for number in range(self.job.shards):
            shard = self._read(number)
            count = len(shard.columns["index"])
            if not count:
                continue
            places = shard.columns["index"] - shard.first
            known: dict[str, Any] = {**shard.columns, "label": np.char.decode(shard.columns["label"], "utf-8")}
            known["name"], known["sha256"] = (np.array([shard.names[i][k] for i in places]) for k in (0, 1))
            for name, parts in found.items():
                parts.append(known.get(name, np.full(count, np.nan)))
        return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in found.items()}

    def frame(self) -> Any:
        """Return the table as a DataFrame, without the scores of all classes. Raises UsageError without pandas."""
        try:
            import pandas as pd
        except ImportError as problem:
            raise UsageError("frame() needs pandas, which is not installed; table() needs nothing") from problem
        table = self.table()
        return pd.DataFrame({name: table[name] for name in COLUMNS}).set_index("index")

    def __repr__(self) -> str:
        counts = self.counts
        return f"Run({str(self.path)!r}, {counts['done']} rows, {counts['failed']} failed, job {self.id[:12]})"

    def _read(self, number: int) -> _Shard:
        """Return a shard. Raises BadInputError, which names the file, where it was changed."""
        rows = self.job.rows_of(number)
        if self._shard is None or self._shard.first != rows.start:
            receipt, columns = self.folder.columns(number)
            if receipt.job != self.id:
                raise BadInputError(f"{self.folder.proof(number)}: it is of another job than job.json")
            pieces = self._listing.pieces(rows)
            names = [(each.name_of(i), each.entry.sha256) for each in pieces for i in each.indices]
            self._shard = _Shard(rows.start, columns, names)
        return self._shard

    def _find(self, index: int) -> tuple[_Shard, int]:
        """Return the shard of a row and its place there."""
        if not isinstance(index, (int, np.integer)) or not 0 <= index < self.job.rows:
            raise IndexError(f"row {index!r}: the run has rows 0 to {self.job.rows - 1}")
        shard = self._read(index // self.job.shard_size)
        place = int(np.searchsorted(shard.columns["index"], index))
        if place == len(shard.columns["index"]) or shard.columns["index"][place] != index:
            reason = next((each.reason for each in self.failed if each.index == index), "")
            raise BadInputError(f"row {index} of {self.path}, {shard.names[index - shard.first][0]}, failed: {reason}")
        return shard, place

    def _row(self, shard: _Shard, place: int) -> Row:
        columns, maps = shard.columns, Maps(shard.columns, self.job.store)
        index = int(columns["index"][place])
        name, sha256 = shard.names[index - shard.first]
        numbers = {key: float(columns[key][place]) if key in columns else None for key in ("probability", "delta")}
        return Row(
            index=index,
            name=name,
            sha256=str(sha256),
            target=int(columns["target"][place]),
            label=columns["label"][place].decode("utf-8"),
            score=float(columns["score"][place]),
            scores=columns["scores"][place],
            relevance=maps.relevance(place),
            attribution=maps.attribution(place) if self.job.store == ATTRIBUTION else None,
            **numbers,
        )
