"""Measures of gates that take more than the rows of a run: inputs that failed, the file, and `onnxplain.measures()`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.errors import UsageError
from onnxplain.measure import build, needs_masks
from onnxplain.measure.evaluate import evaluate
from onnxplain.measure.result import finds
from onnxplain.method.from_root import default_seed
from onnxplain.runs.audit.gate import Measured

if TYPE_CHECKING:
    from onnxplain.measure.result import Measure
    from onnxplain.runs.audit.audited import Audited

_AUDITED = "audited"
SOME = 16
"""How many rows are measured where a measure explains them again."""


@dataclass(frozen=True)
class Failed:
    """Whether an input could not be explained: 1 or 0."""

    unit: ClassVar[str] = "share of the inputs that could not be explained"

    def measure(self, audited: Audited) -> Measured:
        """Return the numbers of all inputs, those that failed first."""
        failed, done = [each.name for each in audited.run.failed], len(audited.run)
        return Measured([*failed, *[""] * done], np.repeat([1.0, 0.0], [len(failed), done]), self.unit)


@dataclass(frozen=True)
class Parity:
    """How far the scores are from those of the untouched file, run by onnxruntime, as a share of the largest score.

    rows: how many rows are compared; they are chosen by the run itself, see `Audited.sample`.
    """

    rows: int = SOME
    unit: ClassVar[str] = "difference of the scores from the untouched file, as a share of the largest"

    def __post_init__(self) -> None:
        checks.whole(rows=self.rows)

    def measure(self, audited: Audited) -> Measured:
        """Run the file itself on the rows. Raises UsageError where it cannot be run, so that nothing is proven."""
        names, numbers, compared = [], [], audited.compared
        for row in audited.sample(self.rows):
            parity = compared(audited.inputs([row]), row.target).parity
            if parity is None or parity.unproven:
                raise UsageError(f"the file cannot be run: {'' if parity is None else parity.unproven}")
            names.append(row.name)
            numbers.append(parity.share)
        return Measured(names, np.array(numbers), self.unit)


@dataclass(frozen=True)
class Judged:
    """A measure of `onnxplain.measures()` on some rows, such as "sensitivity" or "model_randomisation".

    name: of the measure. quantity: which of its numbers; may be left out where it has one. rows: how many rows; they
    are chosen by the run itself. options: of the measure.
    """

    name: str
    quantity: str | None = None
    rows: int = SOME
    options: dict[str, Any] = field(default_factory=dict)
    unit: ClassVar[str] = ""

    def __post_init__(self) -> None:
        checks.whole(rows=self.rows)
        measure = self._built
        if needs_masks(measure):
            raise UsageError(f"{self.name} compares with masks, and is a measure of gates of its own")
        if (self.quantity is None and len(measure.quantities) > 1) or self.quantity not in (None, *measure.quantities):
            raise UsageError(f"quantity = {self.quantity!r}: {self.name} finds {', '.join(measure.quantities)}")

    @property
    def _built(self) -> Measure:
        return build(self.name, self.options)[0]

    def measure(self, audited: Audited) -> Measured:
        """Judge the method of the run on the rows, each for the class that the run explains."""
        measure, rows = self._built, audited.sample(self.rows)
        quantity = self.quantity or next(iter(measure.quantities))
        if quantity not in finds(measure, len(audited.model.input_shape)):
            raise UsageError(f"{quantity} is for maps that are planes, and those of this run are vectors")
        if not rows:
            return Measured([], np.zeros(0), "", "no input could be explained")
        asked, usual = audited.run.job.asked["method"]["seed"], default_seed(audited.explainer(audited.model).method)
        if asked != usual:
            raise UsageError(f"measures explain with the seed {usual!r} of the method, and the run has {asked!r}")
        found = evaluate(
            audited.model,
            audited.inputs(rows),
            {_AUDITED: audited.explainer},
            [measure],
            [row.target for row in rows],
            baseline=audited.options.get("baseline"),
            random_seed=0,
            masks=None,
        )
        return Measured(
            [row.name for row in rows], found[measure.name, _AUDITED].values[quantity], f"{quantity} of {self.name}"
        )
