"""What a measure is, and what it returns."""

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
    """The numbers of one measure for one method, over N samples.

    values: by quantity, one number per sample [N]. curves: by name, K points per sample [N, K].
    """

    values: dict[str, Array]
    curves: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def stack(cls, rows: list[MeasureResult]) -> MeasureResult:
        """Return the results of single samples, which lack the first axis, as one result."""
        values, curves = (
            {name: np.stack([each[name] for each in parts]) for name in parts[0]}
            for parts in ([row.values for row in rows], [row.curves for row in rows])
        )
        return cls(values, curves)

    def mean(self, quantity: str) -> float:
        """Return the mean over the samples."""
        return float(self.values[quantity].mean())

    def standard_error(self, quantity: str) -> float:
        """Return the standard error of the mean over the samples, see `standard_error`."""
        return standard_error(self.values[quantity])


def standard_error(values: Array) -> float:
    """Return the standard deviation / √N of values [N]; NaN for a single value, and where one is infinite."""
    finite = len(values) > 1 and bool(np.isfinite(values).all())
    return float(values.std(ddof=1) / np.sqrt(len(values))) if finite else float("nan")


class Measure(Protocol):
    """Judges the explanations of one method. The fields of its class are its options.

    name: as the user writes it. quantities: the names of its numbers, and whether "higher" or "lower" is better.
    axes: what its curves run over and what they show, in words; empty for a measure without curves.
    A measure may list in `planes` the quantities that exist only where a map is a plane, and not a vector, and state in
    `needs_masks` that it compares with annotations of the rows.
    """

    name: ClassVar[str]
    quantities: ClassVar[dict[str, str]]
    axes: ClassVar[tuple[str, str]]

    def __call__(self, data: EvaluationSet, method: Judged) -> MeasureResult:
        """Judge one method on all rows of the data."""


def finds(measure: Measure, rank: int) -> list[str]:
    """Return the quantities that a measure gives for an input of this rank; rows of an input of rank 2 are vectors."""
    planes = getattr(measure, "planes", ()) if rank == 2 else ()
    return [name for name in measure.quantities if name not in planes]
