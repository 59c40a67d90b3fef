"""The service: models under their names, which are asked for explanations and predictions."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from onnxplain.errors import OnnxplainError
from onnxplain.serve import refusal
from onnxplain.serve.effort import FEW
from onnxplain.serve.job import Job
from onnxplain.serve.lanes import Asked, Explaining, Predicting
from onnxplain.serve.noted import noted
from onnxplain.serve.observed import Observer
from onnxplain.serve.outputs import outputs_of
from onnxplain.serve.priority import step_back
from onnxplain.serve.question import Question
from onnxplain.serve.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.inputs.batch import Batch
    from onnxplain.prediction import Prediction
    from onnxplain.serve.lanes import Lane
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.outputs import Outputs
    from onnxplain.serve.served import Served

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_HELPERS = 4
"""Threads that decode, encode and draw."""


class Service:
    """Answers questions about models.

    models: by name. ready: whether it takes requests: after `warm_up`, and before `drain`. observe: counts what is
    done.
    """

    def __init__(self, models: Mapping[str, Served], limits: Limits, observe: Observer | None = None) -> None:
        self.models, self.limits = models, limits
        self.observe = observe or Observer()
        self.ready = False
        self.accepted = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._work = Work(limits, self.observe)
        self._helpers = ThreadPoolExecutor(_HELPERS, "onnxplain-help", step_back)

    def served(self, name: str) -> Served:
        """Return a model by name, which the log has of the request from now on.

        Raises Refusal for one that is not served.
        """
        found = self.models.get(name)
        if found is None:
            raise refusal.unknown_model(name, ", ".join(map(repr, self.models)))
        noted().model = name
        return found

    def check_ready(self) -> None:
        """Raise Refusal where it takes no requests yet, or no more."""
        if not self.ready:
            raise refusal.Refusal(503, "not_ready", "the service is starting or ending")

    async def explain(self, model: str, inputs: Any, question: Question, row: int | None = None) -> Explanation:
        """Return the explanation of all rows of a request, in their order, or of one row alone.

        inputs: as `Explainer` takes them, but for paths; text goes to a model with a tokenizer alone. Where the task
        that awaits it is cancelled, what only this request waits for is not computed any further.

        Raises Refusal.
        """
        served = self.served(model)
        with self._accepting(served):
            method, start = served.method(question), perf_counter()
            return await self._explained(served, await self._read(served, inputs, row), question, method, start)

    async def explain_beside(
        self, model: str, inputs: Any, beside: Mapping[str, Array], question: Question
    ) -> tuple[Explanation, Outputs]:
        """Return the explanation of all rows of a request, and what the file itself gives for them. Raises Refusal.

        The rows are read once, and the file is run beside the explanation. beside: see `outputs`.
        """
        served = self.served(model)
        with self._accepting(served):
            method, start = served.method(question), perf_counter()
            batch = await self._read(served, inputs)
            return await asyncio.gather(
                self._explained(served, batch, question, method, start), self._given(served, batch, beside)
            )

    async def predict(self, model: str, inputs: Any, top: int = 5, row: int | None = None) -> Prediction:
        """Return what the file itself says of the rows of a request, or of one row alone. Raises Refusal."""
        served = self.served(model)
        with self._accepting(served):
            start = perf_counter()
            batch = await self._read(served, inputs, row)
            make = partial(Predicting, partial(served.model.predict, top=top))
            found: Prediction = await self._computed((served.name, None, top), make, Job(batch, len(batch.x)))
            self.observe.predicted(served.name, len(found), perf_counter() - start)
            return found

    async def outputs(self, model: str, inputs: Any, beside: Mapping[str, Array]) -> Outputs:
        """Return what the file itself gives for the rows of a request: its outputs, as they are. Raises Refusal.

        beside: the inputs of the file that its scores do not depend on.
        """
        served = self.served(model)
        with self._accepting(served):
            start = perf_counter()
            found = await self._given(served, await self._read(served, inputs), beside)
            self.observe.predicted(served.name, found.rows, perf_counter() - start)
            return found

    async def in_thread(self, function: Callable[..., _T], *args: Any, **options: Any) -> _T:
        """Return what a function returns that takes more than a moment, such as one that decodes, encodes or draws.

        It runs in a thread, so that other requests are answered meanwhile.
        """
        context = contextvars.copy_context()
        called = partial(context.run, function, *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self._helpers, called)

    async def soon(self, effort: int, function: Callable[..., _T], *args: Any, **options: Any) -> _T:
        """Return what a function returns whose effort is known, see `onnxplain.serve.effort`.

        Where it is small the function runs at once, since two changes of threads would take longer; else as `in_thread`
        does it.
        """
        if effort <= FEW:
            return function(*args, **options)
        return await self.in_thread(function, *args, **options)

    async def _read(self, served: Served, inputs: Any, row: int | None = None) -> Batch:
        return await self.soon(served.effort(inputs), served.read, inputs, row)

    async def _explained(
        self, served: Served, batch: Batch, question: Question, method: str, start: float
    ) -> Explanation:
        asked = Asked(batch, question.target, question.seed)
        make = partial(Explaining, partial(served.explainer, question))
        job = Job(asked, len(batch.x), asked.joins, served.together(batch, method))
        e: Explanation = await self._computed((served.name, question.key), make, job)
        self.observe.explained(served.name, method, len(batch.x), perf_counter() - start)
        return e

    async def _given(self, served: Served, batch: Batch, beside: Mapping[str, Array]) -> Outputs:
        make = partial(Predicting, lambda asked: outputs_of(served.model, *asked))
        found: Outputs = await self._computed((served.name, "outputs"), make, Job((batch, beside), len(batch.x)))
        return found

    async def _computed(self, key: Hashable, make: Callable[[], Lane], job: Job) -> Any:
        self._work.submit(key, make, job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.leave()
            raise

    @contextmanager
    def _accepting(self, served: Served) -> Iterator[None]:
        """Count a request while it is answered, and turn its errors into refusals.

        Raises Refusal where too many are waiting already, and where the service ends.
        """
        if self._draining:
            raise refusal.draining()
        if self.accepted >= self.limits.waiting:
            raise refusal.busy(self.accepted)
        self._count(1)
        try:
            with served.telling():
                yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self.accepted += change
        self.observe.waits(self.accepted)
        if self.accepted:
            self._idle.clear()
        else:
            self._idle.set()

    async def warm_up(self) -> None:
        """Plan the method that fits each model, so that the first requests need not wait for it; then be ready.

        A model that it does not fit is logged: other methods may. Which one fits a model without a file, its first rows
        may have to tell.
        """
        for served in (each for each in self.models.values() if each.model.settled):
            lane = Explaining(partial(served.explainer, Question()))
            try:
                await self.in_thread(lane.plan)
            except OnnxplainError as problem:
                _log.warning("%s: %s", served.name, problem)
            else:
                self._work.keep((served.name, Question().key), lane)
        self.ready = not self._draining

    async def drain(self) -> None:
        """Refuse what comes, and return when all that was accepted is answered."""
        self.ready, self._draining = False, True
        await self._idle.wait()

    def close(self) -> None:
        """End the threads. Whatever waits still is computed first."""
        self._work.close()
        self._helpers.shutdown()
