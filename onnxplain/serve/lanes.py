"""Lanes: jobs wait in one lane for the same explainer, which computes them together where they fit together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain.inputs.batch import together
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from onnxplain.explainer import Explainer
    from onnxplain.explanation import Explanation
    from onnxplain.inputs.batch import Batch
    from onnxplain.serve.job import Job


class Lane(ABC):
    """Computes the jobs that wait in it, some at a time, in several threads at once.

    jobs: those that wait, the oldest first. groups: how many groups of them are computed now. begun: whether one has
    been; the first one is computed alone, for what it plans and compiles is there for the others then.
    """

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.groups, self.begun = 0, False

    @abstractmethod
    def compute(self, jobs: Sequence[Job]) -> list[Any]:
        """Return the result of each of some jobs that are equal in what they may be joined by.

        Where it raises anything, one of the jobs may be at fault, and each of several is computed alone.
        """


class Asked(NamedTuple):
    """What a job has explained: rows that were read, and for what."""

    batch: Batch
    target: Any
    seed: str | None

    @property
    def joins(self) -> Hashable:
        """Equal for those that may be explained together; None for one that may not."""
        if isinstance(self.target, Neuron):
            return None
        return self.target is None, self.seed, self.batch.x.shape[1:], self.batch.x.dtype.str

    @property
    def targets(self) -> list[Any] | None:
        """The target of each row; None where each is explained for the class that is predicted."""
        if self.target is None:
            return None
        return self.target if isinstance(self.target, list) else [self.target] * len(self.batch.x)


class Explaining(Lane):
    """The lane of an explainer. make: makes it, when the first job is computed."""

    def __init__(self, make: Callable[[], Explainer]) -> None:
        super().__init__()
        self._make = make

    @cached_property
    def explainer(self) -> Explainer:
        """The explainer, planned once."""
        return self._make()

    def plan(self) -> None:
        """Make the explainer now."""
        _ = self.explainer

    def compute(self, jobs: Sequence[Job]) -> list[Explanation]:
        """See `Lane`."""
        asked: list[Asked] = [job.content for job in jobs]
        if len(asked) == 1:
            return [self.explainer(asked[0].batch, asked[0].target, seed=asked[0].seed)]
        batch = together([each.batch for each in asked])
        if batch is None:
            raise ApartError
        first, targets = asked[0], None
        if first.target is not None:
            targets = [target for each in asked for target in each.targets or ()]
        e = self.explainer(batch, targets, seed=first.seed)
        return _cut(e, [len(each.batch.x) for each in asked])


class Predicting(Lane):
    """The lane in which a model predicts. predict: returns the result of a job for its content."""

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        super().__init__()
        self._predict = predict

    def compute(self, jobs: Sequence[Job]) -> list[Any]:
        """See `Lane`."""
        return [self._predict(job.content) for job in jobs]


class ApartError(Exception):
    """Jobs do not fit together."""


def _cut(e: Explanation, lengths: Sequence[int]) -> list[Explanation]:
    """Return the explanations of so many rows each."""
    parts, start = [], 0
    for length in lengths:
        parts.append(e[start : start + length])
        start += length
    return parts
