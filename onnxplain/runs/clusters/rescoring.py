"""Scoring rows of a run again, from its model and its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.guard.engine import GuardedEngine
from onnxplain.method.scoring import read_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from onnxplain.arrays import Array
    from onnxplain.inputs.batch import Batch
    from onnxplain.runs.read import Run


class Rescoring:
    """Reads rows of a run and scores them. Raises BadInputError where the model or an input is missing or another."""

    def __init__(self, run: Run) -> None:
        self._again = run.again
        self._model = run.again.explainer.model
        self._engine = GuardedEngine(self._model)

    def batches(self, rows: Iterable[int]) -> list[Batch]:
        """Return each of some rows as a batch."""
        return [self._again.batch(row) for row in rows]

    def of_class(self, target: int) -> Callable[[Batch], Array]:
        """Return what gives the score of a class for each row of a batch, in float64 [N]."""
        name = self._model.canonical.scores

        def scores(batch: Batch) -> Array:
            found = read_value(self._model, self._engine, batch, name)
            return np.asarray(found.reshape(len(batch.x), -1)[:, target], np.float64)

        return scores
