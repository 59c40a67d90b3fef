"""Streams: explanations of many inputs, one after another, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from onnxplain import checks
from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs.batch import together
from onnxplain.inputs.folder import listed
from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxplain.explanation import Explanation
    from onnxplain.feeds import Feeds, Inputs
    from onnxplain.inputs.batch import Batch

RAISE, SKIP = "raise", "skip"
"""What is done where an input cannot be explained: its error is raised, or it is noted and the others go on."""


@dataclass(frozen=True)
class Failure:
    """An input that could not be explained. name: its path or its place. error: why."""

    name: str
    error: BadInputError

    @property
    def reason(self) -> str:
        """Why it could not be explained, in words."""
        return str(self.error)


class Explains(Protocol):
    """What a stream asks of an explainer."""

    feeds: Feeds

    def __call__(self, x: Batch, target: Any = None, **call: Any) -> Explanation:
        """Explain rows that have been read."""


class _Read(NamedTuple):
    """An input with what was read of it. target: of its rows."""

    item: Inputs
    name: str
    batch: Batch
    target: Any


@dataclass
class Stream:
    """Explanations of inputs in their order, read and explained when they are asked for.

    failures: the inputs that could not be explained so far, where they are skipped.
    """

    explainer: Explains
    inputs: Iterable[Inputs]
    target: Any = None
    batch_size: int = 1
    on_error: str = RAISE
    call: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        checks.whole(batch_size=self.batch_size)
        self.target = self.target.tolist() if isinstance(self.target, np.ndarray) else self.target
        if self.on_error not in (RAISE, SKIP):
            raise UsageError(f'on_error={self.on_error!r}: expected "{RAISE}" or "{SKIP}"')
        if isinstance(self.inputs, (str, Path)):
            found, _ = listed(self.inputs)
            self.inputs = found if isinstance(found, list) else [self.inputs]
        if not isinstance(self.inputs, Iterable):
            raise UsageError(
                f"inputs: expected a folder or something to iterate over, not {type(self.inputs).__name__}"
            )
        self._count = len(self.inputs) if isinstance(self.inputs, Sized) else None
        if isinstance(self.target, list) and self._count not in (None, len(self.target)):
            raise UsageError(f"{len(self.target)} targets for {self._count} inputs; give one target, or one per input")

    def __iter__(self) -> Iterator[Explanation]:
        """Yield the explanation of each input."""
        return (explanation for _, explanation in self.items())

    def items(self) -> Iterator[tuple[Inputs, Explanation]]:
        """Yield each input with its explanation."""
        self.failures.clear()
        targets = self.target if isinstance(self.target, list) else repeat(self.target)
        places = enumerate(zip(self.inputs, targets, strict=False))
        with progress("explain", self._count, "input") as bar:
            while group := list(islice(places, self.batch_size)):
                yield from self._explained([read for i, pair in group for read in self._read(i, *pair)])
                bar.update(len(group))

    def _read(self, place: int, item: Inputs, target: Any) -> Iterator[_Read]:
        """Yield an input, read; nothing for one that cannot be read and is skipped."""
        first = next(iter(item.values())) if isinstance(item, dict) and item else item
        name = str(first) if isinstance(first, (str, Path)) else f"input {place}"
        try:
            yield _Read(item, name, self.explainer.feeds.read(item), target)
        except BadInputError as problem:
            self._failed(name, problem)

    def _explained(self, group: Sequence[_Read]) -> Iterator[tuple[Inputs, Explanation]]:
        """Yield the explanations of inputs: of one batch or, where they make none or one is at fault, of each alone."""
        joined = self._joined(group) if len(group) > 1 else None
        if joined is not None:
            start = 0
            for read in group:
                rows = len(read.batch.x)
                yield read.item, joined[start : start + rows]
                start += rows
            return
        for read in group:
            try:
                explanation = self.explainer(read.batch, read.target, **self.call)
            except BadInputError as problem:
                self._failed(read.name, problem)
            else:
                yield read.item, explanation

    def _joined(self, group: Sequence[_Read]) -> Explanation | None:
        """Return the explanation of all rows of a group as one batch; None where they do not make one."""
        batch = together([read.batch for read in group])
        if batch is None:
            return None
        given = [read.target for read in group]
        target = given[0]
        if isinstance(self.target, list) and any(each is not None for each in given):
            if None in given:
                return None
            target = [one for read in group for one in _of_rows(read.target, len(read.batch.x))]
        try:
            return self.explainer(batch, target, **self.call)
        except BadInputError:
            return None  # one of them is at fault; each alone says which

    def _failed(self, name: str, problem: BadInputError) -> None:
        if self.on_error == RAISE:
            raise problem
        self.failures.append(Failure(name, problem))


def _of_rows(target: Any, rows: int) -> list[Any]:
    """Return the target of an input as one for each of its rows."""
    return list(target) if isinstance(target, list) else [target] * rows
