"""The compiled walker: scores and message at the root from one onnxruntime session, forward and backward.

A plan is traced when it is first asked for inputs of a size, with the number of rows left open. Books, and seeds that
need the scores first, are the eager walker's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, elements, number
from onnxplain.graph.runtime import open_session
from onnxplain.method.readout import message
from onnxplain.run.eager import EagerWalker, Walked, same
from onnxplain.run.joint import ATTRIBUTION, EXPLAINED, SEED, STILL, TARGET, Task, join
from onnxplain.run.sizes import learn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.method.plan import Plan
    from onnxplain.passes import Canonical
    from onnxplain.run.book import Book
    from onnxplain.run.target import Question

Array = np.ndarray[Any, Any]
KEPT = 8
"""Sessions that are kept; the one that was made first goes first."""


@dataclass(frozen=True)
class _Program:
    """A session, the values of the baseline's tape that it takes, and the number of classes."""

    session: Any
    reads: tuple[str, ...]
    classes: int


@dataclass(frozen=True)
class _Kept:
    """The baseline that was last asked for, and the values of its tape that a program takes."""

    program: _Program
    feeds: Mapping[str, Array]
    values: Mapping[str, Array]


class CompiledWalker:
    """Walks plans of one canonical graph, in float32."""

    def __init__(self, canonical: Canonical, precision: str) -> None:
        self._canonical = canonical
        self._eager = EagerWalker(canonical, precision)
        self._programs: dict[Any, _Program] = {}
        self._kept: _Kept | None = None
        self.providers: tuple[str, ...] = ()

    def walk(
        self,
        plan: Plan,
        question: Question,
        feeds: Mapping[str, Array],
        still: Mapping[str, Array] | None = None,
        book: Book | None = None,
    ) -> Walked:
        """Answer one question about one batch; `still` are the baseline's feeds, for a method that has one."""
        if book is not None:
            return self._eager.walk(plan, question, feeds, still, book)
        program = self._program(plan, question, feeds, still is not None)
        rest = {} if still is None else self._baseline(program, plan, still)
        given = dict(feeds) | {STILL + name: rest[name] for name in program.reads}
        if question.formula:
            given[TARGET] = _indices(question, len(next(iter(feeds.values()))), program.classes)
            found = _run(program, given)
            scores = value = _flat(found[self._canonical.scores])
            start, chosen = found[SEED], found[EXPLAINED]
        else:
            values = self._eager.forward.run(feeds, [self._canonical.scores, plan.target])[0]
            scores = _flat(values[self._canonical.scores])
            value = scores if plan.target == self._canonical.scores else values[plan.target]
            start, chosen = question.seed(value, scores)
            found = _run(program, given | {SEED: start.reshape(values[plan.target].shape)})
        value0 = None if still is None else rest[plan.target].reshape(value.shape)
        return Walked(found[ATTRIBUTION], start, chosen, scores, value, found[plan.root], value0, rest.get(plan.root))

    def _baseline(self, program: _Program, plan: Plan, still: Mapping[str, Array]) -> Mapping[str, Array]:
        """What is needed of the baseline's tape; the last one is kept: a fixed one runs once per batch size."""
        kept = self._kept
        if kept is None or kept.program is not program or not same(kept.feeds, still):
            names = {*program.reads, plan.root, plan.target}
            kept = self._kept = _Kept(program, still, self._eager.forward.run(still, sorted(names))[0])
        return kept.values

    # --- programs -------------------------------------------------------------------------------------------------

    def _program(self, plan: Plan, question: Question, feeds: Mapping[str, Array], baseline: bool) -> _Program:
        """The session for this plan and inputs of this size, be the rows many or few; made when first asked for."""
        what = (plan.root, plan.target, question.formula)
        sizes = {name: value.shape for name, value in feeds.items()}
        exact = (*what, *sizes.items())
        open_rows = (*what, *((name, shape[1:]) for name, shape in sizes.items()))
        if found := self._programs.get(open_rows) or self._programs.get(exact):
            return found
        try:
            key, program = open_rows, self._compile(plan, question, feeds, baseline, symbolic=not self._fixed)
        except BatchSizeNeededError:
            key, program = exact, self._compile(plan, question, feeds, baseline, symbolic=False)
        while len(self._programs) >= KEPT:
            del self._programs[next(iter(self._programs))]
        self._programs[key] = program
        return program

    @property
    def _fixed(self) -> bool:
        """Whether the file states the number of rows."""
        return any(each.shape and isinstance(each.shape[0], int) for each in self._canonical.graph.inputs)

    def _compile(
        self, plan: Plan, question: Question, feeds: Mapping[str, Array], baseline: bool, *, symbolic: bool
    ) -> _Program:
        graph, scores = self._canonical.graph, self._canonical.scores
        sizes = learn(graph, feeds, plan.values | {scores}, symbolic=symbolic)
        joint = join(Task(graph, plan, scores, message, question.formula, baseline, sizes))
        outputs = {each.name for each in joint.proto.graph.output}
        joint.proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {plan.root} - feeds.keys() - outputs)
        session = open_session(joint.proto)
        self.providers = tuple(session.get_providers())
        return _Program(session, joint.reads, number(elements(sizes[scores][1:])))


def _run(program: _Program, given: dict[str, Array]) -> dict[str, Array]:
    """Inputs and outputs by name."""
    names = [each.name for each in program.session.get_outputs()]
    return given | dict(zip(names, program.session.run(names, given), strict=True))


def _indices(question: Question, rows: int, classes: int) -> Array:
    """Class index of each row; -1 where the model's prediction is explained."""
    if question.target is None:
        return np.full(rows, -1, np.int64)
    return question.classes(np.empty((rows, classes), np.float32)).astype(np.int64)


def _flat(scores: Array) -> Array:
    return scores.reshape(len(scores), -1)
