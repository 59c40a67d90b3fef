"""The engine "onnxruntime": one session runs the model forward and walks backward.

A walk is compiled, which means traced and opened as a session, when it is first asked for with inputs of a size; the
number of rows is left open where the walk allows that. Two things are left to the eager engine in NumPy: a walk that
keeps a book, and the forward run from which a seed is made that no formula in the graph can express.
"""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import limits
from onnxplain.engines.base import WalkRequest, WalkResult
from onnxplain.engines.budget import BUSY_ROWS, RowBytes, rows_in_caches, rows_that_fit
from onnxplain.engines.eager import copied, equal_feeds, numpy_engine
from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, BASELINE, EXPLAINED, SEED, TARGET
from onnxplain.engines.onnxruntime.program import Program, compile_program
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError
from onnxplain.engines.patches.forward import PatchedForward
from onnxplain.errors import FallbackWarning, RuntimeRefusalError
from onnxplain.graph.settings import held
from onnxplain.inputs.batch import by_row

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.passes import Canonical
    from onnxplain.plan.plan import Plan

MOST = 8
"""The number of programs that one engine keeps. Where there are more, the oldest one is dropped."""

PREDICTED = -1
"""The class index by which a program is asked for the predicted class."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Baseline:
    """The baseline that was last asked for, and what follows from it.

    inputs: of the program that reads them, computed from the baseline. ends: its values at the root and the target.
    """

    program: Program
    feeds: Mapping[str, Array]
    inputs: Mapping[str, Array]
    ends: Mapping[str, Array]


class CompiledEngine:
    """Walks plans of one canonical graph as compiled programs, in float32."""

    busy_rows = BUSY_ROWS

    def __init__(self, canonical: Canonical, precision: str) -> None:
        self._canonical, self._settings = canonical, held()
        self._eager = numpy_engine(canonical, precision)
        self.patched = None if self._settings.providers else PatchedForward(canonical, self._eager.forward)
        self._row_bytes, self._limits = RowBytes(canonical.graph), limits.held()
        self._programs: dict[Hashable, Program] = {}
        self._compiling = Lock()
        self._last_baseline: _Baseline | None = None
        self.providers: tuple[str, ...] = ()
        self.fallback: str | None = None

    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`. Where onnxruntime refuses a compiled walk, this and all later ones are left to NumPy."""
        if request.book is not None or self.fallback is not None:
            return self._eager.walk(request)
        try:
            program = self._program(request)
            baseline = None if request.baseline is None else self._baseline(program, request.plan, request.baseline)
            given = dict(request.feeds) if baseline is None else {**request.feeds, **baseline.inputs}
            seeded = self._walk_from_scores if program.seeded else self._walk_from_seed
            arrived, start, chosen, scores, value, x = seeded(program, request, given)
        except RuntimeRefusalError as problem:
            result = self._eager.walk(request)  # where the input is at fault, this raises too
            self._fall_back(str(problem))
            return result
        if baseline is None:
            return WalkResult(arrived, start, chosen, scores, value, x)
        value0, x0 = baseline.ends[request.plan.target].reshape(value.shape), baseline.ends[request.plan.root]
        return WalkResult(arrived, start, chosen, scores, value, x, value0, x0)

    def rows_that_fit(self, feeds: Mapping[str, Array]) -> int:
        """See `Engine`."""
        nbytes = self._row_bytes(feeds)
        most = rows_that_fit(nbytes, self._limits.batch_bytes)
        return most if self._settings.providers else min(most, rows_in_caches(nbytes, self._settings.threads))

    @property
    def _budget(self) -> int:
        """The bytes that the values of one walk may take at once; on other devices than a CPU they are not counted."""
        return sys.maxsize if self._settings.providers else self._limits.walk_bytes

    def _fall_back(self, why: str) -> None:
        if self.fallback is not None:
            return  # another thread was faster
        self.fallback, self.providers = why, self._eager.providers
        warnings.warn(
            f"onnxruntime does not run the compiled walk ({why}): the engine is numpy from here on, which gives the "
            "same attributions, and is slower",
            FallbackWarning,
            stacklevel=2,
        )

    def values(self, feeds: Mapping[str, Array], names: Collection[str]) -> Mapping[str, Array]:
        """See `Engine`."""
        values = self._eager.values(feeds, names)
        self.providers = self.providers or self._eager.providers
        return values

    def _walk_from_scores(self, program: Program, request: WalkRequest, given: dict[str, Array]) -> tuple[Array, ...]:
        """Run a program that makes the seed itself, from the class index of each row.

        Returns (message at the root, seed, class indices, scores, value at the target, value at the root).
        """
        objective, rows = request.objective, len(next(iter(request.feeds.values())))
        if objective.target is None:
            given[TARGET] = np.full(rows, PREDICTED, np.int64)
        else:
            given[TARGET] = objective.classes(np.empty((rows, program.classes), np.float32)).astype(np.int64)
        found = given | program.run(given)
        scores = _flat(found[self._canonical.scores])
        return found[ATTRIBUTION], found[SEED], found[EXPLAINED], scores, scores, found[request.plan.root]

    def _walk_from_seed(self, program: Program, request: WalkRequest, given: dict[str, Array]) -> tuple[Array, ...]:
        """Run forward to make the seed, and then a program that takes the seed as an input. Returns the same tuple."""
        target = request.plan.target
        values = self._eager.forward.run(request.feeds, [self._canonical.scores, target])[0]
        scores = _flat(values[self._canonical.scores])
        value = request.objective.seen(values[target])
        start, chosen = request.objective.start(value, scores)
        given[SEED] = start.reshape(values[target].shape)
        found = given | program.run(given)
        return found[ATTRIBUTION], start, chosen, scores, value, found[request.plan.root]

    def _baseline(self, program: Program, plan: Plan, feeds: Mapping[str, Array]) -> _Baseline:
        """Return what follows from a baseline. The last one is kept: while it stays the same, it runs forward once."""
        last = self._last_baseline
        if last is None or last.program is not program or not equal_feeds(last.feeds, feeds):
            ends = {plan.root, plan.target}
            values = self._eager.forward.run(feeds, sorted({*program.reads, *ends}))[0]
            taken = program.of_baseline({BASELINE + name: values[name] for name in program.reads})
            kept = {name: values[name] for name in ends}
            last = self._last_baseline = _Baseline(program, copied(feeds), taken, kept)
        return last

    def _program(self, request: WalkRequest) -> Program:
        """Return the program for this plan and inputs of these shapes, compiled where it is not there yet."""
        seed, baseline = request.objective.seed_spec, request.baseline is not None
        sizes = tuple(zip(request.feeds, map(np.shape, request.feeds.values()), strict=True))
        asked = (request.plan.root, request.plan.target, seed, baseline, sizes)
        with self._compiling:  # threads that ask for the same program wait for the first one's
            program = self._programs.get(asked)
            if program is not None:
                return program
            while len(self._programs) >= MOST:
                del self._programs[next(iter(self._programs))]
            with self._settings.hold():
                program = self._programs[asked] = self._shared_program(request, asked)
            self.providers = program.providers
        return program

    def _shared_program(self, request: WalkRequest, asked: tuple[Any, ...]) -> Program:
        """Return the program from those that the explainers of the model share, or compile it.

        It is compiled for any number of rows where the walk allows that, else for the number of the request.
        """
        shared, rules, (*what, sizes) = self._canonical.shared, request.plan.key, asked
        grows = by_row(self._canonical, request.feeds)
        any_rows = (rules, *what, *((name, shape[name in grows :]) for name, shape in sizes))
        these_rows = (rules, *what, *sizes)
        for key in (any_rows, these_rows):
            if (found := shared.get(key)) is not None:
                return found  # type: ignore[no-any-return]
        key, program = any_rows, None
        if not self._states_rows(next(iter(request.feeds))):
            with suppress(BatchSizeNeededError):
                program = compile_program(self._canonical, request, symbolic=True, budget=self._budget)
        if program is None:
            _log.info("the walk needs the number of rows: it is compiled for %d", request.rows)
            key, program = these_rows, compile_program(self._canonical, request, symbolic=False, budget=self._budget)
        _log.info("compiled a walk of %d nodes for inputs of %s", len(request.plan.steps), dict(sizes))
        shared.put(key, program, program.nbytes)
        return program

    def _states_rows(self, name: str) -> bool:
        """Return whether the file fixes the number of rows of the explained input `name`."""
        shape = next(each.shape for each in self._canonical.graph.inputs if each.name == name)
        return bool(shape and isinstance(shape[0], int))


def _flat(scores: Array) -> Array:
    """Return scores as [N, C]."""
    return scores.reshape(len(scores), -1)
