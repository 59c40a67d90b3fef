"""A class for each row of a run: targets.npy, which a job states by its sha256."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from onnxplain.errors import UsageError
from onnxplain.runs.encoded import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.arrays import Array

NAME = "targets.npy"


@dataclass(frozen=True)
class PerRow:
    """A class index for each row of a run, those that fail among them.

    sha256: of targets.npy, which holds them. indices: int64 [N]; None for those of a job that was read. inputs: the
    sha256 of the listing whose rows they are for, where that is known.
    """

    sha256: str
    indices: Array | None = field(default=None, repr=False, compare=False)
    inputs: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, given: Any, inputs: str | None = None) -> PerRow:
        """Return the targets of an array or a list. Raises UsageError where it is none of whole numbers."""
        indices = np.asarray(given)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise UsageError(
                f"target={given!r}: expected an index, a label, a Neuron, or a list of an index for each row"
            )
        indices = indices.astype("<i8")
        return cls(digest(_npy(indices)), indices, inputs)

    @property
    def encoded(self) -> bytes | None:
        """The bytes of targets.npy; None for targets of a job that was read."""
        return None if self.indices is None else _npy(self.indices)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what a job states; a worker reads the indices from the folder of the run."""
        return PerRow, (self.sha256,)

    def check(self, inputs: Mapping[str, Any]) -> None:
        """Raise UsageError where the targets are of other inputs, or not as many as these have rows."""
        if self.inputs not in (None, inputs["sha256"]):
            raise UsageError(
                "the inputs are not those of the run that the targets are of, by the sha256 of their files; give those"
            )
        if self.indices is not None and len(self.indices) != inputs["rows"]:
            raise UsageError(
                f"{len(self.indices)} targets for {inputs['rows']} rows; give one target, or one for each row"
            )


def per_row(given: Any) -> Any:
    """Return a target as it is, or those of a list or an array as `PerRow`."""
    return PerRow.of(given) if isinstance(given, (list, tuple, np.ndarray)) else given


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()
