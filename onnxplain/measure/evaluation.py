"""The result of an evaluation: numbers per sample, method and measure, as tables, JSON and plots."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, NotRequired

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.measure.judged import CONTROL
from onnxplain.measure.result import standard_error
from onnxplain.record import Origin
from onnxplain.show.atomic import save_atomic
from onnxplain.strict_json import dumps, strict
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.measure.result import Measure, MeasureResult
    from onnxplain.record import ArrayRecord
    from onnxplain.strict_json import Json

ARROWS = {"higher": "↑", "lower": "↓"}


class EvaluationRecord(Origin):
    """The record of one evaluation.

    measures: the options of each measure by its name. methods: the names of what was judged. notes: on the inputs.
    masks: the annotations, where measures compared with them.
    """

    measures: dict[str, dict[str, Json]]
    methods: list[str]
    baseline: Json
    random_seed: int
    masks: NotRequired[ArrayRecord]
    notes: list[str]


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """The results of every measure for every method; the last method is the control, `random`.

    results: by (measure, method); `evaluation["pixel_flipping", "gradient"].values["aopc"]` has one number per sample.
    measures, methods: what judged, and the names of what was judged. samples: the names of the inputs. target: the
    class index of each. record: what is needed to repeat the evaluation, in plain JSON types.
    """

    results: Mapping[tuple[str, str], MeasureResult] = field(repr=False)
    measures: tuple[Measure, ...]
    methods: tuple[str, ...]
    samples: tuple[str, ...]
    target: tuple[int, ...]
    record: EvaluationRecord = field(repr=False)

    def __getitem__(self, key: tuple[str, str]) -> MeasureResult:
        """Return the result of a (measure, method). Raises UsageError where it was not measured."""
        if key not in self.results:
            raise UsageError(f"nothing was measured as {key!r}: there are {', '.join(map(repr, self.results))}")
        return self.results[key]

    def of(self, quantity: str) -> dict[str, Array]:
        """Return a quantity by method, with one number per sample [N]. Raises UsageError where it was not measured."""
        for measure in self.measures:
            if quantity in measure.quantities:
                found = {method: self.results[measure.name, method].values for method in self.methods}
                if all(quantity in values for values in found.values()):
                    return {method: values[quantity] for method, values in found.items()}
        known = ", ".join(dict.fromkeys(name for each in self.results.values() for name in each.values))
        raise UsageError(f"quantity {quantity!r} was not measured; there are: {known}")

    def difference(self, quantity: str, method: str, other: str = CONTROL) -> tuple[float, float]:
        """Return the mean over the samples of the method's number minus the other's, and its standard error."""
        values = self.of(quantity)
        for name in (method, other):
            if name not in values:
                raise UsageError(f"method {name!r} was not judged; these were: {', '.join(self.methods)}")
        with np.errstate(invalid="ignore"):  # Inf - Inf is NaN: no number says how far apart they are
            apart = values[method] - values[other]
        return float(apart.mean()), standard_error(apart)

    def __str__(self) -> str:
        return "\n\n".join(f"{self._title(each)}\n{columns(self._rows(each))}" for each in self.measures)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the same as HTML tables, for notebooks."""
        return "".join(self._html(each) for each in self.measures)

    def _html(self, measure: Measure) -> str:
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._rows(measure))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><caption>{escape(self._title(measure))}</caption>{body}</table>"

    def _rows(self, measure: Measure) -> list[tuple[str, ...]]:
        """Return a table with one row a method and one column a quantity: mean ± standard error over the samples."""
        first = self.results[measure.name, self.methods[0]]
        names = [name for name in measure.quantities if name in first.values]
        rows: list[tuple[str, ...]] = [("method", *(f"{name} {ARROWS[measure.quantities[name]]}" for name in names))]
        for method in self.methods:
            result = self.results[measure.name, method]
            rows.append((method, *(_cell(result.mean(name), result.standard_error(name)) for name in names)))
        return rows

    def _title(self, measure: Measure) -> str:
        return f"{measure.name}, {len(self.samples)} samples, mean ± standard error (↑ higher is better, ↓ lower)"

    def to_dict(self) -> dict[str, Any]:
        """Return the record and all numbers in plain JSON types; `not_finite` names the numbers that are None."""
        results = [
            {
                "measure": measure,
                "method": method,
                "quantities": {
                    name: {
                        "mean": result.mean(name),
                        "standard_error": result.standard_error(name),
                        "samples": values.tolist(),
                    }
                    for name, values in result.values.items()
                },
                "curves": {name: curve.tolist() for name, curve in result.curves.items()},
            }
            for (measure, method), result in self.results.items()
        ]
        found = {**self.record, "samples": list(self.samples), "target": list(self.target), "results": results}
        return dict(strict(found))

    def to_json(self, path: str | Path | None = None) -> str:
        """Return `to_dict` as JSON text, and write it to `path` where one is given, whole or not at all."""
        text = dumps(self.to_dict())
        if path is not None:
            save_atomic(path, lambda file: file.write(text.encode()))
        return text

    def plot(self, measure: str | None = None) -> Any:
        """Draw one measure, by default the first, and return the matplotlib figure.

        It shows curves with bands of one standard error where the measure has curves, and bars where it has none.
        Raises UsageError for a measure that was not run, MissingExtraError without matplotlib.
        """
        from onnxplain.measure.plot import plot

        known = {each.name: each for each in self.measures}
        name = next(iter(known)) if measure is None else measure
        if name not in known:
            raise UsageError(f"measure {name!r} was not run; these were: {', '.join(known)}")
        return plot(known[name], {method: self.results[name, method] for method in self.methods})


def _cell(mean: float, error: float) -> str:
    return f"{mean:.4g}" if math.isnan(error) else f"{mean:.4g} ± {error:.2g}"
