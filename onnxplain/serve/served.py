"""A model that is served under a name."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.engines.budget import row_bytes
from onnxplain.errors import UsageError
from onnxplain.explainer import Explainer
from onnxplain.method.cam import CamSpec
from onnxplain.method.default import default_method
from onnxplain.method.full_gradient import FullGradSpec
from onnxplain.method.registry import find, reads_baseline
from onnxplain.method.tree_shap import TreeShapSpec
from onnxplain.method.walk_method import WalkSpec
from onnxplain.serve import effort
from onnxplain.serve.describe import of_explainer, of_model
from onnxplain.serve.inputs import safe
from onnxplain.serve.refusal import Refusal, refusal_of, too_many_rows
from onnxplain.tables import feeds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.serve.describe import Description
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.question import Question

TOGETHER = 2**26
"""Bytes of the values of rows that go through a walk together on a CPU: about those of one photograph.

More are no faster there, and each session keeps the memory of the largest walk that it ever made.
"""
ONCE = (WalkSpec, CamSpec, FullGradSpec, TreeShapSpec)
"""The kinds of methods that explain all rows by one run, or by few."""
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
            batch_bytes=own.batch_bytes if model.device != "cpu" else min(own.batch_bytes, TOGETHER),
        )
        settings = replace(model.settings, spinning=False)  # the event loop needs the cores as well
        self.name, self.model, self._limits = name, replace(model, limits=bounds, settings=settings), limits
        self._row_bytes = row_bytes(self.model.canonical.graph)
        self._feeds = feeds_of(self.model, None)
        self._fits: dict[int, tuple[str, str]] = {}
        self._told: dict[tuple[Any, ...], Description] = {}
        self._has_read = False

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

    def description(self, *, explains: bool = False) -> Description:
        """Return what the Open Inference Protocol says of the model or, where it `explains`, of its explainer."""
        key = explains, self.model.input_shape, self.model.classes  # which rows tell of a model without a file
        if key not in self._told:
            self._told[key] = (of_explainer if explains else of_model)(self.name, self.model)
        return self._told[key]

    def read(self, inputs: Any, row: int | None = None) -> Batch:
        """Return the rows of inputs as they came in a request, or one row of them.

        Raises Refusal where they are too many, and where there is no such row.
        """
        batch = self._feeds.read(safe(inputs, self.model))
        if len(batch.x) > self._limits.rows:
            raise too_many_rows(f"{len(batch.x)} rows", self._limits.rows)
        if row is not None and not 0 <= row < len(batch.x):
            raise Refusal(422, "no_such_row", f"row {row}: the input has {len(batch.x)} rows, counted from 0")
        self._has_read = True
        return batch if row is None else batch.take([row])

    def effort(self, inputs: Any) -> int:
        """Return the effort of reading inputs, see `onnxplain.serve.effort`; a great one before anything was read.

        The first request has more done, such as to open the file, and to prove that its rows are apart.
        """
        values = inputs.values() if isinstance(inputs, dict) else [inputs]
        return effort.of_values(values) if self._has_read else sys.maxsize

    def effort_of_body(self, size: int, length: str | None, *, explains: bool) -> int:
        """Return the same of the body of a request of the Open Inference Protocol, see `effort.of_body`."""
        return effort.of_body(size, length, self.description(explains=explains)) if self._has_read else sys.maxsize

    def together(self, batch: Batch, method: str) -> int:
        """Return how many rows, such as those of a batch, it pays to explain together by a method.

        A call costs about the same however few rows it has, so that many small rows are much faster together. Of large
        ones a few are no faster, since the caches become too small, and the first of them would wait for the last; nor
        are they by methods that run the model many times for each row.
        """
        if not isinstance(find(method), ONCE):
            return 1
        if self.model.device != "cpu":
            return self._limits.batch_rows
        stated = prod(n for n in self.model.input_shape[1:] if isinstance(n, int) and n > 0)
        size = self._row_bytes * max(1, batch.x[:1].size // stated)  # where the file leaves sizes open
        return max(1, TOGETHER // max(1, size))

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
