"""The eager engine: a forward run, and then the walk, one array operation after another.

The engines "numpy", "cupy" and "cudnn" are eager. They differ in their namespace and in what does the forward run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import limits
from onnxplain.engines.base import WalkRequest, WalkResult
from onnxplain.engines.budget import BUSY_ROWS, RowBytes, rows_that_fit
from onnxplain.engines.forward import Forward, ReferenceForward, RuntimeForward
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.passes.export import constants_of
from onnxplain.walk.tape import Reads, Tape
from onnxplain.walk.walk import walk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import AnyArray, Array
    from onnxplain.engines.namespace import Namespace
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan
    from onnxplain.walk.book import Book


@dataclass(frozen=True)
class _Baseline:
    """The baseline that was last asked for, with the values of the forward run on it."""

    plan: Plan
    feeds: Mapping[str, Array]
    tape: Tape


def equal_feeds(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    """Return whether two feeds have the same inputs with the same elements."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def copied(feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Return a copy of the arrays, which does not change when the user writes into the original ones."""
    return {name: value.copy() for name, value in feeds.items()}


class Constants(dict[str, Any]):
    """The weights and other constants of a graph and its bodies, by name, as arrays of `xp`."""

    def __init__(self, canonical: Canonical, xp: Namespace) -> None:
        super().__init__({name: xp.const(values) for name, values in constants_of(canonical.graph).items()})


class EagerEngine:
    """Walks plans of one canonical graph, in arrays of the namespace `xp`.

    forward: runs the graph, and returns values as arrays of `xp`.
    constants: the graph's constants as arrays of `xp`, where another engine has made them already.
    itemsize: bytes of an element, for the memory budget.
    """

    busy_rows = BUSY_ROWS
    fallback: str | None = None
    patched = None

    def __init__(
        self,
        canonical: Canonical,
        xp: Namespace,
        forward: Forward,
        constants: Mapping[str, AnyArray] | None = None,
        itemsize: int = 4,
    ) -> None:
        self._scores = canonical.scores
        self._xp = xp
        self.forward = forward
        self.constants = Constants(canonical, xp) if constants is None else constants
        self._row_bytes, self._budget = RowBytes(canonical.graph, itemsize), limits.held().batch_bytes
        self._reads: dict[tuple[str, str, type], Reads] = {}
        self._last_baseline: _Baseline | None = None
        self._last_sized: tuple[Plan, dict[str, tuple[int, ...]], Plan] | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """See `Engine`."""
        return self.forward.providers

    # the method that asked finds an overflow and names it; a warning of NumPy's would name a line of this package
    @np.errstate(all="ignore")
    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`."""
        plan, book = self._at_sizes(request), request.book
        key = (plan.root, plan.target, type(book))
        tape = self._tape(plan, request.feeds, self._reads.get(key), book)
        scores, value = self._read(tape, request)
        start, chosen = request.objective.start(value, scores)
        seed = self._xp.const(start.reshape(tape.like(plan.target).shape))
        to_numpy = self.forward.to_numpy
        if request.baseline is None:
            arrived = to_numpy(walk(self._xp, plan, seed, tape, book=book))
            x = self._root(plan, request.feeds, tape, arrived.dtype)
            self._reads.setdefault(key, tape.reads)  # complete by now: another thread may read it
            return WalkResult(arrived, start, chosen, scores, value, x)
        tape0 = self._baseline_tape(plan, request.baseline)
        arrived = to_numpy(walk(self._xp, plan, seed, tape, tape0, book))
        sides = (request.feeds, tape), (request.baseline, tape0)
        x, x0 = (self._root(plan, *each, arrived.dtype) for each in sides)
        self._reads.setdefault(key, tape.reads)
        return WalkResult(arrived, start, chosen, scores, value, x, self._read(tape0, request)[1], x0)

    def rows_that_fit(self, feeds: Mapping[str, Array]) -> int:
        """See `Engine`."""
        return rows_that_fit(self._row_bytes(feeds), self._budget)

    @np.errstate(all="ignore")
    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """See `Engine`."""
        found = self.forward.run(feeds, sorted(names))[0]
        return {name: self.forward.to_numpy(found[name]) for name in names}

    def _at_sizes(self, request: WalkRequest) -> Plan:
        """Return the plan for inputs of the request's sizes. The last one is kept, and is the same object again."""
        plan, sizes = request.plan, {name: value.shape for name, value in request.feeds.items()}
        last = self._last_sized
        if last is None or last[0] is not plan or last[1] != sizes:
            known = self.values(request.feeds, plan.sized) if plan.sized else {}
            last = self._last_sized = plan, sizes, plan.at_sizes(known)
        return last[2]

    def _root(self, plan: Plan, feeds: Mapping[str, Array], tape: Tape, dtype: np.dtype[Any]) -> Array:
        """Return the root's value as a NumPy array of this dtype; where the root is an input, that of the feeds."""
        x = feeds[plan.root] if plan.root in feeds else self.forward.to_numpy(tape[plan.root])
        return x.astype(dtype, copy=False)

    def _read(self, tape: Tape, request: WalkRequest) -> tuple[Array, Array]:
        """Return the scores [N, C] and the target's value as NumPy arrays."""
        scores, value = (self.forward.to_numpy(tape[name]) for name in (self._scores, request.plan.target))
        return scores.reshape(len(scores), -1), request.objective.seen(value)

    def _tape(self, plan: Plan, feeds: Mapping[str, Array], known: Reads | None, book: Book | None) -> Tape:
        """Run forward, and return the tape for a walk of `plan`.

        The first walk of a plan with a book of this kind finds every value on the tape. Later ones find those that the
        first one read, `known`, so that no others are computed.
        """
        if known is None:
            values, shapes = self.forward.run(feeds, self._candidates(plan))
        else:
            values, shapes = self.forward.run(feeds, sorted(known.values), sorted(known.shapes))
        return Tape(values, self.constants, shapes, keeps_book=book is not None)

    def _baseline_tape(self, plan: Plan, feeds: Mapping[str, Array]) -> Tape:
        """Return the tape of the baseline. The last one is kept: a baseline that stays the same runs forward once."""
        last = self._last_baseline
        if last is None or last.plan is not plan or not equal_feeds(last.feeds, feeds):
            values, shapes = self.forward.run(feeds, self._candidates(plan))
            last = self._last_baseline = _Baseline(plan, copied(feeds), Tape(values, self.constants, shapes))
        return last.tape

    def _candidates(self, plan: Plan) -> list[str]:
        """Return the names of all values that a walk of `plan` may read, constants left out."""
        return sorted((plan.values | {self._scores}) - self.constants.keys())


def numpy_engine(canonical: Canonical, precision: str) -> EagerEngine:
    """Return the engine "numpy", the reference for the others.

    The forward run is onnxruntime's on the CPU or, in float64, that of onnx's reference evaluator.
    """
    forward = ReferenceForward if precision == "float64" else RuntimeForward
    xp = NumpyNamespace(precision)
    return EagerEngine(canonical, xp, forward(canonical.graph), itemsize=xp.dtype.itemsize)
