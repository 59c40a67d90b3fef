"""A model that is served under a name."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.explainer import Explainer
from onnxplain.method.default import default_method
from onnxplain.method.registry import find, reads_baseline
from onnxplain.serve.inputs import safe
from onnxplain.serve.refusal import Refusal, refusal_of
from onnxplain.tables import feeds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.question import Question

UNPACKED = 4
"""An array that is sent compressed may have so many times the bytes of the largest request."""


class Served:
    """A model under a name, with the limits of the service for what it reads."""

    def __init__(self, name: str, model: Model, limits: Limits) -> None:
        own = model.limits
        bounds = replace(
            own,
            pixels=min(own.pixels, limits.pixels),
            array_bytes=min(own.array_bytes, UNPACKED * limits.request_bytes),
        )
        self.name, self.model, self._limits = name, replace(model, limits=bounds), limits
        self._feeds = feeds_of(self.model, None)
        self._fits: dict[int, tuple[str, str]] = {}

    @property
    def default(self) -> str:
        """The name of the method that fits the model."""
        return self._fitting[0]

    @property
    def because(self) -> str:
        """Why it is not the usual one."""
        return self._fitting[1]

    @property
    def _fitting(self) -> tuple[str, str]:
        axes = len(self.model.input_shape)  # which the first rows tell of a model without a file
        if axes not in self._fits:
            found, allowed = default_method(self.model), self._limits.methods
            not_offered = allowed and found[0] not in allowed
            self._fits[axes] = (allowed[0], f"{found[0]} is not offered here") if allowed and not_offered else found
        return self._fits[axes]

    def read(self, inputs: Any, row: int | None = None) -> Batch:
        """Return the rows of inputs as they came in a request, or one row of them.

        Raises Refusal where they are too many, and where there is no such row.
        """
        batch = self._feeds.read(safe(inputs, self.model))
        if len(batch.x) > self._limits.rows:
            raise Refusal(413, "too_many_rows", f"{len(batch.x)} rows; one request may have {self._limits.rows}")
        if row is not None and not 0 <= row < len(batch.x):
            raise Refusal(422, "no_such_row", f"row {row}: the input has {len(batch.x)} rows, counted from 0")
        return batch if row is None else batch.take([row])

    def method(self, question: Question) -> str:
        """Return the name of the method that a question comes down to.

        Raises UsageError for one that does not exist, Refusal for one that is not offered, or is asked for too much.
        """
        method = question.method or self.default
        question.check_allowed(method, self._limits.methods)
        question.check_counts(method, self._limits.steps)
        if "baseline" in question.options and not reads_baseline(find(method), question.options):
            raise UsageError(f"baseline: method {method!r} reads none, so that it would have no effect; leave it out")
        return method

    def explainer(self, question: Question) -> Explainer:
        """Return an explainer for a question, planned and ready."""
        return Explainer(self.model, self.method(question), **question.options)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn what is raised inside into a refusal, which names no folder of this machine."""
        try:
            yield
        except Exception as problem:
            found = refusal_of(problem)
            found.message = self.without_path(found.message)
            raise found from problem

    def without_path(self, text: str) -> str:
        """Return a text with the file's name in the place of its path, and no folder of it."""
        if self.model.path is None:
            return text
        path = Path(self.model.path)
        for folder in {f"{path.parent}/", f"{path.resolve().parent}/"} - {"./", "/"}:
            text = text.replace(folder, "")
        return text
