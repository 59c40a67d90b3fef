"""The eager walker: one forward run, then the walk, array by array. Engines differ in namespace and forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from onnxplain.engines.budget import BUDGET, ENOUGH
from onnxplain.engines.forward import Forward, ReferenceForward, RuntimeForward
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.walk.tape import Reads, Tape
from onnxplain.walk.walk import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.namespace import Namespace
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book
    from onnxplain.walk.objective import Question


@dataclass(frozen=True)
class Walked:
    """What a walk gives: the message at the root, the root's and the target's values, and where it started.

    `x0` and `value0` are those of the baseline; None for a method without one.
    """

    arrived: Array
    start: Array
    chosen: Array
    scores: Array
    value: Array
    x: Array
    value0: Array | None = None
    x0: Array | None = None


@dataclass(frozen=True)
class Asked:
    """What a walker is asked: a question about one batch, by a plan.

    still: the baseline's feeds, for a method that has one. book: accounts to keep.
    """

    plan: Plan
    question: Question
    feeds: Mapping[str, Array]
    still: Mapping[str, Array] | None = None
    book: Book | None = None


class Walker(Protocol):
    """Answers questions about a canonical graph. `providers`: where the forward ran.

    budget: bytes that the values of one chunk of rows may take. enough: rows that keep a device busy in a forward run.
    """

    budget: int
    enough: int

    @property
    def providers(self) -> tuple[str, ...]: ...

    def walk(self, asked: Asked) -> Walked:
        """Scores, seed and the message at the root."""

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Values of a forward run alone, by name."""


@dataclass(frozen=True)
class _Kept:
    plan: Plan
    feeds: Mapping[str, Array]
    tape: Tape


def same(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    """Whether two feeds are equal."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


class Constants(dict[str, Any]):
    """The weights and other constants of a graph, by name, as arrays of `xp`."""

    def __init__(self, canonical: Canonical, xp: Namespace) -> None:
        tensors = canonical.graph.tensors()
        super().__init__({name: xp.const(t.values) for name, t in tensors.items() if hasattr(t, "values")})


class EagerWalker:
    """Walks plans of one canonical graph, in the arrays of `xp`, which `forward` gives and turns into NumPy's.

    constants: those of the graph, where another walker has made them.
    """

    budget, enough = BUDGET, ENOUGH

    def __init__(
        self, canonical: Canonical, xp: Namespace, forward: Forward, constants: Mapping[str, Any] | None = None
    ) -> None:
        self._scores = canonical.scores
        self._xp = xp
        self.forward = forward
        self.constants = Constants(canonical, xp) if constants is None else constants
        self._reads: dict[tuple[str, str, bool], Reads] = {}
        self._kept: _Kept | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """Where the forward ran."""
        return self.forward.providers

    # what overflows is found and named by the explainer; NumPy's warnings would name a line of ours instead
    @np.errstate(all="ignore")
    def walk(self, asked: Asked) -> Walked:
        """See `Walker`."""
        plan, book = asked.plan, asked.book
        tape = self._tape(plan, asked.feeds, keeps_book=book is not None)
        scores, value = self._read(tape, plan)
        start, chosen = asked.question.seed(value, scores)
        seed = self._xp.const(start.reshape(tape.like(plan.target).shape))
        host = self.forward.host
        if asked.still is None:
            arrived = host(walk(self._xp, plan, seed, tape, book=book))
            x = self._root(plan, asked.feeds, tape, arrived.dtype)
            return Walked(arrived, start, chosen, scores, value, x)
        rest = self._baseline(plan, asked.still)
        arrived = host(walk(self._xp, plan, seed, tape, rest, book))
        x, x0 = (self._root(plan, *each, arrived.dtype) for each in ((asked.feeds, tape), (asked.still, rest)))
        return Walked(arrived, start, chosen, scores, value, x, self._read(rest, plan)[1], x0)

    @np.errstate(all="ignore")
    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """Values of a forward run alone, by name."""
        found = self.forward.run(feeds, sorted(names))[0]
        return {name: self.forward.host(found[name]) for name in names}

    def _root(self, plan: Plan, feeds: Mapping[str, Array], tape: Tape, dtype: np.dtype[Any]) -> Array:
        """The root's value in NumPy, which has it already where it was fed."""
        x = feeds[plan.root] if plan.root in feeds else self.forward.host(tape[plan.root])
        return x.astype(dtype, copy=False)

    def _read(self, tape: Tape, plan: Plan) -> tuple[Array, Array]:
        """Scores [N, C], and the target's value, in NumPy."""
        scores = self.forward.host(tape[self._scores])
        flat = scores.reshape(len(scores), -1)
        return flat, flat if plan.target == self._scores else self.forward.host(tape[plan.target])

    def _tape(self, plan: Plan, feeds: Mapping[str, Array], *, keeps_book: bool) -> Tape:
        """Run forward. The first walk of a plan is offered every value and notes what it reads; later ones tap that."""
        key = (plan.root, plan.target, keeps_book)
        if key in self._reads:
            reads = self._reads[key]
            values, shapes = self.forward.run(feeds, sorted(reads.values), sorted(reads.shapes))
        else:
            reads = self._reads[key] = Reads()
            values, shapes = self.forward.run(feeds, self._candidates(plan))
        return Tape(values, self.constants, shapes, reads, keeps_book)

    def _baseline(self, plan: Plan, feeds: Mapping[str, Array]) -> Tape:
        """The baseline's tape; the last one is kept, and a fixed baseline runs once per batch size."""
        kept = self._kept
        if kept is None or kept.plan is not plan or not same(kept.feeds, feeds):
            values, shapes = self.forward.run(feeds, self._candidates(plan))
            kept = self._kept = _Kept(plan, feeds, Tape(values, self.constants, shapes))
        return kept.tape

    def _candidates(self, plan: Plan) -> list[str]:
        return sorted((plan.values | {self._scores}) - self.constants.keys())


def numpy_walker(canonical: Canonical, precision: str) -> EagerWalker:
    """The reference: NumPy, behind onnxruntime on the CPU or, in float64, behind the reference evaluator."""
    forward = ReferenceForward if precision == "float64" else RuntimeForward
    return EagerWalker(canonical, NumpyNamespace(precision), forward(canonical.graph))
