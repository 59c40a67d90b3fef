"""What is audited: a run with its model, what is known of its inputs, and the two forms that a gate's measure has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from onnxplain.api import load
from onnxplain.errors import UsageError
from onnxplain.explainer import Explainer
from onnxplain.runs.diff.two import diff
from onnxplain.runs.proof.rerun import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onnxplain.arrays import Array
    from onnxplain.model import Model
    from onnxplain.runs.audit.gate import Measured
    from onnxplain.runs.audit.truth import Truth
    from onnxplain.runs.diff.row_diff import RowDiff
    from onnxplain.runs.read import Row, Run


@dataclass(frozen=True, eq=False)
class Audited:
    """A run, and what gates need beside it.

    model: as it was loaded for the run. truth: the labels of the inputs, where they are known. base: the folder of the
    description, which paths in it are relative to. data: the folder or file of the inputs. load: the options that the
    model was loaded with. method, options: of the explainer of the run.
    """

    run: Run
    model: Model
    truth: Truth | None
    base: Path
    data: Path
    load: Mapping[str, Any] = field(default_factory=dict)
    method: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    _compared: dict[str, list[RowDiff]] = field(default_factory=dict, init=False, repr=False)

    def explainer(self, model: Model) -> Explainer:
        """Return the explainer of the run for a model: its own, or a copy of it with other weights."""
        return Explainer(model, self.method, **self.options)

    @property
    def compared(self) -> Explainer:
        """The explainer of the run, which compares every row with the untouched file."""
        return self.explainer(replace(self.model, parity="always"))

    def sample(self, count: int) -> list[Row]:
        """Return some rows in their order, all where there are no more than `count`.

        Which they are is read from the head of the ledger, so whoever makes the run cannot choose them.
        """
        indices = np.delete(np.arange(self.run.job.rows), [each.index for each in self.run.failed])
        places = drawn(self.run.end["ledger"]["head"], count, len(indices))
        return [self.run.row(int(indices[place])) for place in sorted(places)]

    def inputs(self, rows: Sequence[Row]) -> dict[str, Array]:
        """Return the inputs of rows as the model is given them, by name.

        Raises UsageError where they have several shapes.
        """
        batches = [self.run.again.batch(row.index) for row in rows]
        parts = [{self.model.explained_input.name: batch.x, **batch.others} for batch in batches]
        if any(len({part[key].shape[1:] for part in parts}) > 1 for key in parts[0]):
            raise UsageError("the inputs have several shapes, and a measure takes rows of one shape")
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def against(self, reference: str) -> list[RowDiff]:
        """Return how far each row is from that of a reference, in the order of the rows; it is compared with once.

        reference: the folder of a run, or the path of a model, which is then loaded and run as the audited one was.
        """
        if reference not in self._compared:
            path = self.base / reference
            other = load(path, **self.load) if path.is_file() else path
            found = diff(self.run, other, self.data, worst=len(self.run))
            self._compared[reference] = sorted(found.worst, key=lambda each: each.index)
        return self._compared[reference]


@runtime_checkable
class RowMeasure(Protocol):
    """A number for each row, from what the run holds of it. Its dataclass fields are the options of the gate.

    missing: why a row may have none.
    """

    missing: ClassVar[str]

    @property
    def unit(self) -> str:
        """What the number is, in words."""

    def start(self, audited: Audited) -> Callable[[Row], float | None]:
        """Return what measures a row; None is for a row that has no such number."""


class RunMeasure(Protocol):
    """Numbers that take the model or another run to find. Its dataclass fields are the options of the gate."""

    unit: ClassVar[str]

    def measure(self, audited: Audited) -> Measured:
        """Return the numbers of the rows that were measured."""
