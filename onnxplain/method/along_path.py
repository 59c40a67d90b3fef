"""Integrated gradients along a path of its own for each row, which may depend on the gradients on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.method.averages import AverageMethod, AverageSpec, Sum, check_finite
from onnxplain.method.samplers import Sample
from onnxplain.progress import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.arrays import Array
    from onnxplain.method.paths import Path
    from onnxplain.method.request import Request
    from onnxplain.method.scoring import Scored
    from onnxplain.model import Model


@dataclass(frozen=True)
class PathSpec(AverageSpec):
    """A method that integrates gradients along a path; `make` builds a path of `onnxplain/method/paths.py`."""

    @property
    def neighbours(self) -> bool:
        """Whether the path needs to know which elements of the input lie beside one another."""
        return bool(self.make.neighbours)  # type: ignore[attr-defined]


class PathMethod(AverageMethod):
    """A `PathSpec` on a model. As many rows go along their paths together as fit into one walk."""

    sampler: Path  # type: ignore[assignment]

    def __init__(self, model: Model, spec: AverageSpec, *given: Any) -> None:
        super().__init__(model, spec, *given)
        if isinstance(spec, PathSpec) and spec.neighbours and len(model.input_shape) < 3:
            raise UsageError(
                f"method {spec.name!r} blurs the input, and the columns of a table have no neighbours; "
                "integrated_gradients takes a straight path"
            )

    def _baselines(self, request: Request) -> list[Array]:
        """Return where the path of each row starts, [1, *in]."""
        batch = request.batch
        given = self.feeds.baseline(batch, request.baseline).x if self.spec.baseline else batch.x
        axis = batch.channel_axis and batch.channel_axis - 1
        return [self.sampler.start(*pair, axis)[np.newaxis] for pair in zip(batch.x, given, strict=True)]

    def _sums(self, request: Request, seen: Scored, baselines: Sequence[Array]) -> list[Sum]:
        found: list[Sum] = []
        count, size = len(baselines), self._size(request.batch)
        with progress(self.spec.name, count * self.sampler.steps, "sample") as bar:
            for first in range(0, count, size):
                rows = range(first, min(first + size, count))
                for i, values in zip(rows, self._followed(request, seen.chosen, rows, baselines, bar), strict=True):
                    check_finite(i, values, self.spec.name)
                    found.append(Sum(values.astype(seen.scores.dtype), float(values.sum()), 0.0))
        return found

    def _followed(
        self, request: Request, chosen: Array, rows: Sequence[int], baselines: Sequence[Array], bar: Any
    ) -> list[Array]:
        """Return the attribution of each of `rows`, whose paths are followed step by step together."""
        batch = request.batch
        axis = batch.channel_axis and batch.channel_axis - 1
        paths = [self.sampler.follow(batch.x[i], baselines[i][0], axis) for i in rows]
        points = [next(path) for path in paths]
        while True:
            gradients = self._walk(request, chosen, rows, [Sample(point, 1.0) for point in points]).attribution
            bar.update(len(rows))
            points, found = [], []
            for path, gradient in zip(paths, gradients, strict=True):
                try:
                    points.append(path.send(gradient))
                except StopIteration as end:
                    found.append(end.value)
            if found:
                return found
