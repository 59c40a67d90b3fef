"""What a measure is and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.measure.evaluation_set import EvaluationSet
    from onnxplain.measure.judged import Judged


@dataclass(frozen=True, eq=False)
class MeasureResult:
    """What a measure found of one method: numbers [N] by quantity, and curves [N, K] by name."""

    values: dict[str, Array]
    curves: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def stack(cls, rows: list[MeasureResult]) -> MeasureResult:
        """Findings of single rows, one below the other."""
        values, curves = (
            {name: np.stack([each[name] for each in parts]) for name in parts[0]}
            for parts in ([row.values for row in rows], [row.curves for row in rows])
        )
        return cls(values, curves)

    def mean(self, quantity: str) -> float:
        """The mean over the samples."""
        return float(self.values[quantity].mean())

    def standard_error(self, quantity: str) -> float:
        """Standard deviation over the samples / √N; NaN for a single one."""
        return standard_error(self.values[quantity])


def standard_error(values: Array) -> float:
    """Standard deviation / √N of values [N]; NaN for a single one, and where one is infinite."""
    finite = len(values) > 1 and bool(np.isfinite(values).all())
    return float(values.std(ddof=1) / np.sqrt(len(values))) if finite else float("nan")


class Measure(Protocol):
    """Judges explanations. Its fields are its options.

    name: as the user writes it. quantities: what it finds, and whether "higher" or "lower" is better.
    axes: what a curve runs over, and what it shows. One that finds some quantities only where a map is a plane, and
    not a vector, has their names in `planes`.
    """

    name: ClassVar[str]
    quantities: ClassVar[dict[str, str]]
    axes: ClassVar[tuple[str, str]]

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Judge one method on all rows of the data."""


def finds(measure: Measure, rank: int) -> list[str]:
    """The quantities that a measure finds for an input of this rank; rows of rank 2 are vectors."""
    planes = getattr(measure, "planes", ()) if rank == 2 else ()
    return [name for name in measure.quantities if name not in planes]
