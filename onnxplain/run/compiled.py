"""The compiled walker: scores and message at the root from one onnxruntime session, forward and backward.

A plan is traced when it is first asked for inputs of a size, with the number of rows left open. Books, and seeds that
need the scores first, are the eager walker's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, elements, number
from onnxplain.graph.runtime import open_session
from onnxplain.graph.views import views
from onnxplain.method.readout import message
from onnxplain.run.eager import Asked, Walked, numpy_walker, same
from onnxplain.run.feeds import by_row
from onnxplain.run.joint import ATTRIBUTION, EXPLAINED, SEED, STILL, TARGET, Task, join
from onnxplain.run.memory import BUDGET, ENOUGH
from onnxplain.run.sizes import learn
from onnxplain.run.still import split

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.method.plan import Plan
    from onnxplain.passes import Canonical
    from onnxplain.run.target import Question

Array = np.ndarray[Any, Any]
KEPT = 8
"""Sessions that are kept; the one that was made first goes first."""


@dataclass(frozen=True)
class _Program:
    """A session, the number of classes, and the session that computes what the first takes of a baseline.

    reads: values of the baseline's tape, from which `still`, where there is one, computes what `session` takes.
    """

    session: Any
    classes: int
    still: Any
    reads: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    """The baseline that was last asked for, what a program takes of it, and its values at the root and the target."""

    program: _Program
    feeds: Mapping[str, Array]
    given: Mapping[str, Array]
    ends: Mapping[str, Array]


class CompiledWalker:
    """Walks plans of one canonical graph, in float32."""

    budget, enough = BUDGET, ENOUGH

    def __init__(self, canonical: Canonical, precision: str) -> None:
        self._canonical = canonical
        self._eager = numpy_walker(canonical, precision)
        self._programs: dict[Any, _Program] = {}
        self._kept: _Kept | None = None
        self.providers: tuple[str, ...] = ()

    def walk(self, asked: Asked) -> Walked:
        """See `Walker`."""
        if asked.book is not None:
            return self._eager.walk(asked)
        plan, question, feeds, still = asked.plan, asked.question, asked.feeds, asked.still
        program = self._program(plan, question, feeds, still is not None)
        rest = None if still is None else self._baseline(program, plan, still)
        given = dict(feeds) if rest is None else {**feeds, **rest.given}
        if question.formula:
            given[TARGET] = _indices(question, len(next(iter(feeds.values()))), program.classes)
            found = given | _run(program.session, given)
            scores = value = _flat(found[self._canonical.scores])
            start, chosen = found[SEED], found[EXPLAINED]
        else:
            values = self._eager.forward.run(feeds, [self._canonical.scores, plan.target])[0]
            scores = _flat(values[self._canonical.scores])
            value = scores if plan.target == self._canonical.scores else values[plan.target]
            start, chosen = question.seed(value, scores)
            given[SEED] = start.reshape(values[plan.target].shape)
            found = given | _run(program.session, given)
        found0 = () if rest is None else (rest.ends[plan.target].reshape(value.shape), rest.ends[plan.root])
        return Walked(found[ATTRIBUTION], start, chosen, scores, value, found[plan.root], *found0)

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Values of a forward run alone, by name."""
        values = self._eager.values(feeds, names)
        self.providers = self.providers or self._eager.providers
        return values

    def _baseline(self, program: _Program, plan: Plan, still: Mapping[str, Array]) -> _Kept:
        """What is needed of the baseline; the last one is kept: a fixed one runs once per batch size."""
        kept = self._kept
        if kept is None or kept.program is not program or not same(kept.feeds, still):
            ends = {plan.root, plan.target}
            values = self._eager.forward.run(still, sorted({*program.reads, *ends}))[0]
            read = {STILL + name: values[name] for name in program.reads}
            known = read if program.still is None else read | _run(program.still, read)
            given = {each.name: known[each.name] for each in program.session.get_inputs() if each.name in known}
            kept = self._kept = _Kept(program, still, given, {name: values[name] for name in ends})
        return kept

    # --- programs -------------------------------------------------------------------------------------------------

    def _program(self, plan: Plan, question: Question, feeds: Mapping[str, Array], baseline: bool) -> _Program:
        """The program for this plan and inputs of this size, be the rows many or few.

        It is made when an explainer of the model first asks for it.
        """
        what = (plan.root, plan.target, question.formula, baseline)
        sizes = {name: value.shape for name, value in feeds.items()}
        grows = by_row(self._canonical.graph, feeds)
        open_rows = (*what, *((name, shape[name in grows :]) for name, shape in sizes.items()))
        exact = (*what, *sizes.items())
        if found := self._programs.get(open_rows) or self._programs.get(exact):
            return found
        shared, rules = self._canonical.shared, plan.key
        key = next((key for key in (open_rows, exact) if shared.get((rules, key))), None)
        if key is None:
            key, program = open_rows, None
            if not self._is_fixed(next(iter(feeds))):
                with suppress(BatchSizeNeededError):
                    program = self._compile(plan, question, feeds, baseline, symbolic=True)
            if program is None:
                key, program = exact, self._compile(plan, question, feeds, baseline, symbolic=False)
            shared.put((rules, key), program)
        return self._keep(key, shared.get((rules, key)))

    def _keep(self, key: Any, program: _Program) -> _Program:
        while len(self._programs) >= KEPT:
            del self._programs[next(iter(self._programs))]
        self._programs[key] = program
        self.providers = tuple(program.session.get_providers())
        return program

    def _is_fixed(self, name: str) -> bool:
        """Whether the file states the number of rows, those of the explained input."""
        shape = next(each.shape for each in self._canonical.graph.inputs if each.name == name)
        return bool(shape and isinstance(shape[0], int))

    def _compile(
        self, plan: Plan, question: Question, feeds: Mapping[str, Array], baseline: bool, *, symbolic: bool
    ) -> _Program:
        graph, scores = self._canonical.graph, self._canonical.scores
        sizes = learn(graph, feeds, plan.values | {scores}, symbolic=symbolic)
        joint = join(Task(graph, plan, scores, message, question.formula, baseline, sizes))
        outputs = {each.name for each in joint.proto.graph.output}
        joint.proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {plan.root} - feeds.keys() - outputs)
        weights = views(joint.proto, joint.weights)
        once = split(joint)
        still = open_session(once, weights) if once.graph.node else None
        session = open_session(joint.proto, weights)
        return _Program(session, number(elements(sizes[scores][1:])), still, joint.reads)


def _run(session: Any, given: Mapping[str, Array]) -> dict[str, Array]:
    """Outputs by name, from those of `given` that are inputs."""
    names, inputs = ([each.name for each in side] for side in (session.get_outputs(), session.get_inputs()))
    return dict(zip(names, session.run(names, {name: given[name] for name in inputs}), strict=True))


def _indices(question: Question, rows: int, classes: int) -> Array:
    """Class index of each row; -1 where the model's prediction is explained."""
    if question.target is None:
        return np.full(rows, -1, np.int64)
    return question.classes(np.empty((rows, classes), np.float32)).astype(np.int64)


def _flat(scores: Array) -> Array:
    return scores.reshape(len(scores), -1)
