"""The result of judging explanations: numbers per sample, method and measure, as tables, JSON and plots."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.measure.judged import CONTROL
from onnxplain.measure.result import standard_error
from onnxplain.show.atomic import save_atomic
from onnxplain.text import columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxplain.measure.result import Measure, MeasureResult

ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What every measure found of every method; `random`, the control, is the last of them.

    found: `evaluation["pixel_flipping", "gradient"].values["aopc"]` has one number per sample.
    samples: names of the inputs; target: class index of each. record: all it takes to do this again.
    """

    found: Mapping[tuple[str, str], MeasureResult] = field(repr=False)
    measures: tuple[Measure, ...]
    methods: tuple[str, ...]
    samples: tuple[str, ...]
    target: tuple[int, ...]
    record: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, key: tuple[str, str]) -> MeasureResult:
        """What (measure, method) found."""
        if key not in self.found:
            raise UsageError(f"nothing was measured as {key!r}: there are {', '.join(map(repr, self.found))}")
        return self.found[key]

    def of(self, quantity: str) -> dict[str, Any]:
        """A quantity by method, one number per sample [N]."""
        for measure in self.measures:
            if quantity in measure.quantities:
                found = {method: self.found[measure.name, method].values for method in self.methods}
                if all(quantity in values for values in found.values()):
                    return {method: values[quantity] for method, values in found.items()}
        known = ", ".join(dict.fromkeys(name for each in self.found.values() for name in each.values))
        raise UsageError(f"quantity {quantity!r} was not measured; there are: {known}")

    def difference(self, quantity: str, method: str, other: str = CONTROL) -> tuple[float, float]:
        """Mean over the samples of method's number minus the other's, and its standard error."""
        values = self.of(quantity)
        for name in (method, other):
            if name not in values:
                raise UsageError(f"method {name!r} was not judged; these were: {', '.join(self.methods)}")
        with np.errstate(invalid="ignore"):  # Inf - Inf: no number says how far apart they are
            apart = values[method] - values[other]
        return float(apart.mean()), standard_error(apart)

    def __str__(self) -> str:
        return "\n\n".join(self._table(measure) for measure in self.measures)

    def _table(self, measure: Measure) -> str:
        """A row a method, a column a quantity: mean ± standard error over the samples."""
        first = self.found[measure.name, self.methods[0]]
        names = [name for name in measure.quantities if name in first.values]
        rows = [("method", *(f"{name} {ARROWS[measure.quantities[name]]}" for name in names))]
        for method in self.methods:
            found = self.found[measure.name, method]
            rows.append((method, *(_cell(found.mean(name), found.standard_error(name)) for name in names)))
        title = f"{measure.name}, {len(self.samples)} samples, mean ± standard error (↑ higher is better, ↓ lower)"
        return f"{title}\n{columns(rows)}"

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types; None where a number is not finite."""
        results = [
            {
                "measure": measure,
                "method": method,
                "quantities": {
                    name: {
                        "mean": _plain(found.mean(name)),
                        "standard_error": _plain(found.standard_error(name)),
                        "samples": _plain(values.tolist()),
                    }
                    for name, values in found.values.items()
                },
                "curves": {name: _plain(curve.tolist()) for name, curve in found.curves.items()},
            }
            for (measure, method), found in self.found.items()
        ]
        return {**self.record, "samples": list(self.samples), "target": list(self.target), "results": results}

    def to_json(self, path: str | Path | None = None) -> str:
        """The same as JSON text, also written to `path`, whole or not at all."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        if path is not None:
            save_atomic(path, lambda file: file.write(text.encode()))
        return text

    def plot(self, measure: str | None = None) -> Any:
        """Draw one measure with matplotlib, by default the first: curves with bands, else bars. Returns the figure."""
        from onnxplain.measure.plot import plot

        known = {each.name: each for each in self.measures}
        name = next(iter(known)) if measure is None else measure
        if name not in known:
            raise UsageError(f"measure {name!r} was not run; these were: {', '.join(known)}")
        return plot(known[name], {method: self.found[name, method] for method in self.methods})


def _cell(mean: float, error: float) -> str:
    return f"{mean:.4g}" if math.isnan(error) else f"{mean:.4g} ± {error:.2g}"


def _plain(value: Any) -> Any:
    """Lists and numbers for JSON, which knows no NaN and no Inf."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if math.isfinite(value) else None
