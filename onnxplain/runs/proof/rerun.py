"""Explaining rows of a run again, to compare them with what was stored: which rows, and how far they may be apart."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError
from onnxplain.progress import progress
from onnxplain.runs.columns import Maps, columns_of
from onnxplain.runs.environment import processor
from onnxplain.runs.listing import Listing
from onnxplain.runs.work import KILLED, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.runs.again import Again
    from onnxplain.runs.folder import Folder
    from onnxplain.runs.job import Job

BOUND = 0.01
"""How far a row may be apart, as a part of its largest number, where versions or processor are others."""


def drawn(head: str, count: int, rows: int, draw: str = "") -> list[int]:
    """Return `count` different indices below `rows`, which the head of the ledger decides.

    They are drawn by the SHA-256 of the head, of `draw` and of a counter, so that they are the same everywhere, and
    nobody knows them before the run is made. Whoever would make many runs until the rows suit him does not know `draw`.

    >>> drawn("00", 3, 10), drawn("00", 3, 10, "a word of the auditor's")
    ([5, 3, 4], [9, 7, 1])
    """
    moved: dict[int, int] = {}
    found = []
    for i in range(min(count, rows)):
        j = i + int(sha256(f"{head}\n{draw}\n{i}".encode()).hexdigest(), 16) % (rows - i)
        found.append(moved.get(j, j))
        moved[j] = moved.get(i, i)
    return found


@dataclass(frozen=True)
class Compared:
    """A row that was explained again. name: of its input. difference: see `Verification`. wrong: what is off."""

    index: int
    name: str
    difference: float
    wrong: str | None


@dataclass(frozen=True)
class Rerun:
    """Rows of a run that are explained again.

    end: the content of run.json. versions: those of the receipts. reasons: name and reason of each row that failed, by
    its index. bound: see `BOUND`.
    """

    folder: Folder
    job: Job
    again: Again
    end: Mapping[str, Any]
    versions: Mapping[str, Any]
    reasons: Mapping[int, tuple[str, str]]
    bound: float

    def compare(self, rows: list[int]) -> Iterator[Compared]:
        """Yield what came of each row that can be explained again, in the order of their indices."""
        with progress("replay", len(rows), "row") as bar:
            for index in sorted(rows):
                if self.reasons.get(index, ("", ""))[1] != KILLED:
                    piece = next(Listing(self.folder.listing).pieces(range(index, index + 1)))
                    yield self._compare(index, piece.name_of(index))
                bar.update(1)

    @property
    def same_machine(self) -> bool:
        """Whether versions, kind of processor and providers are those of the run, once a row was explained.

        A GPU sums in an order of its own, so two runs on one need not agree to the bit.
        """
        there, providers = self.end["environment"], list(self.again.explainer.method.engine.providers)
        on_cpu = self.again.explainer.model.device == "cpu"
        known = on_cpu and self._same_versions and there.get("processor") == processor()
        return known and there.get("providers") in (providers, [])  # none where nothing was left to explain at the end

    @property
    def _same_versions(self) -> bool:
        return part(self.again.explainer) == self.versions

    def _compare(self, index: int, name: str) -> Compared:
        then = self.reasons.get(index, ("", None))[1]
        try:
            e = self.again.explanation(index)
        except BadInputError as problem:
            if then is None:
                return Compared(index, name, inf, f"it was explained then, and fails now: {problem}")
            other = then != str(problem) and self._same_versions  # another version may say it in other words
            wrong = f"it failed then for {then!r}, and now for {str(problem)!r}" if other else None
            return Compared(index, name, 0.0, wrong)
        if then is not None:
            return Compared(index, name, inf, "it failed then, and can be explained now")
        try:
            _, columns = self.folder.columns(index // self.job.shard_size)
            far, what = _apart(columns, int(np.searchsorted(columns["index"], index)), e, self.job.store)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as problem:
            return Compared(index, name, inf, f"what is stored of it cannot be read ({problem})")
        same = self.same_machine
        if not what or (far <= self.bound and not same):
            return Compared(index, name, far, None)
        limit = "equal bits, since versions and processor are those of the run" if same else f"at most {self.bound:g}"
        said = f"{what} is other than what was stored, by {far:.3g} of the largest number; expected {limit}"
        return Compared(index, name, far, said)


def _apart(columns: Mapping[str, Array], place: int, e: Explanation, store: str) -> tuple[float, str]:
    """Return how far a row is from what was stored, and the name of the column that is farthest; "" for equal bits."""
    maps, now = Maps(columns, store), columns_of(e, [int(columns["index"][place])], store)
    apart: dict[str, float] = {}
    for name in sorted(now.keys() | columns.keys() - {"shape"}):
        if name == store:
            then, new = maps.attribution(place), now[store][0]
        elif name == "channel_axis":
            then, new = columns[name], now[name]
        else:
            then, new = columns[name][place], np.asarray(now.get(name, [np.nan]))[0]
        if not _equal(np.asarray(then), np.asarray(new)):
            unit = columns["scores"][place] if name in ("score", "delta") else then
            apart[name] = _far(np.asarray(then), np.asarray(new), np.asarray(unit))
    if {"scale", store} & apart.keys() and "scale" in columns:  # two numbers of which the product counts
        apart.pop("scale", None)
        stored = maps.relevance(place)
        apart[store] = _far(stored, Maps(now, store).relevance(0), stored)
    far = max(apart, key=lambda name: apart[name], default="")
    return apart.get(far, 0.0), far


def _equal(then: Array, now: Array) -> bool:
    if then.dtype == now.dtype:
        return then.shape == now.shape and then.tobytes() == now.tobytes()
    return np.array_equal(then, now, equal_nan=then.dtype.kind == now.dtype.kind == "f")


def _far(then: Array, now: Array, unit: Array) -> float:
    """Return the largest difference as a part of the largest |number| of `unit`.

    It is infinity where they cannot be compared, such as classes, of which one is not near another.
    """
    if then.shape != now.shape or not then.dtype.kind == now.dtype.kind == unit.dtype.kind == "f":
        return inf
    apart = float(np.abs(now.astype(np.float64) - then.astype(np.float64)).max(initial=0.0))
    largest = float(np.abs(unit.astype(np.float64)).max(initial=0.0))
    if apart == 0:
        return 0.0
    return apart / largest if largest and np.isfinite(apart) else inf
