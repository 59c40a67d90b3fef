"""The engine of a model, guarded: its scores are compared with those of the file, and its failures have a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.errors import RuntimeRefusalError
from onnxplain.guard.blame import cause
from onnxplain.guard.parity import compare, run_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from onnxplain.arrays import Array
    from onnxplain.engines.base import WalkRequest, WalkResult
    from onnxplain.engines.patches.forward import PatchedForward
    from onnxplain.guard.parity import Parity
    from onnxplain.model import Model
    from onnxplain.passes import Canonical


class GuardedEngine:
    """The engine that a model was loaded for, on its canonical graph or on another form of it.

    What onnxruntime refuses becomes an error that says whether the input, the file or the graph is at fault. The first
    scores that it gives, once of a walk and once of a forward run alone, are compared with what the file says.
    """

    def __init__(self, model: Model, canonical: Canonical | None = None) -> None:
        self._model = model
        self._canonical = canonical or model.canonical
        with model.settings.hold(), model.limits.hold():
            self.inner = model.engine_on(self._canonical)
        self.busy_rows = self.inner.busy_rows
        self.proven: dict[str, Parity] = {}

    @property
    def providers(self) -> tuple[str, ...]:
        """See `Engine`."""
        return self.inner.providers

    @property
    def fallback(self) -> str | None:
        """See `Engine`."""
        return self.inner.fallback

    @property
    def patched(self) -> PatchedForward | None:
        """See `Engine`."""
        return self.inner.patched

    @property
    def parity(self) -> Parity | None:
        """How far its scores were from those of the file, at most; None where nothing was compared."""
        return max(list(self.proven.values()), key=lambda each: (each.unproven is not None, each.share), default=None)

    def rows_that_fit(self, feeds: Mapping[str, Array]) -> int:
        """See `Engine`."""
        return self.inner.rows_that_fit(feeds)

    def walk(self, request: WalkRequest) -> WalkResult:
        """See `Engine`."""
        if self._model.parity == "first" and "walk" not in self.proven:
            run_file(self._model, self._canonical, request.feeds)
        try:
            result = self.inner.walk(request)
        except RuntimeRefusalError as problem:
            feeds = [request.feeds] if request.baseline is None else [request.feeds, request.baseline]
            raise cause(self._model, problem, *feeds) from problem
        self.prove("walk", request.feeds, result.scores)
        return result

    def values(
        self, feeds: Mapping[str, Array], names: Collection[str], beside: Mapping[str, Array] | None = None
    ) -> Mapping[str, Array]:
        """See `Engine`.

        beside: the inputs of one row from which the rows may differ in a box, where that is known: then less is run.
        """
        patched = self.patched
        try:
            known = patched.values(feeds, names, beside) if patched is not None and beside is not None else None
            values = self.inner.values(feeds, names) if known is None else known
        except RuntimeRefusalError as problem:
            raise cause(self._model, problem, feeds) from problem
        if self._canonical.scores in names:
            self.prove("values", feeds, values[self._canonical.scores])
        return values

    def prove(self, how: str, feeds: Mapping[str, Array], scores: Array) -> None:
        """Compare the scores of all rows with those of the file, where the model asks for that now."""
        mode = self._model.parity
        if mode == "always" or (mode == "first" and how not in self.proven):
            found = compare(self._model, self._canonical, self.inner, feeds, scores)
            self.proven[how] = max(self.proven.get(how, found), found, key=lambda each: each.share)
