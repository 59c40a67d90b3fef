"""The measure of gates that compares a run with another one, or with that of another model on the same inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.runs.audit.gate import Measured
from onnxplain.runs.diff.row_diff import QUANTITIES
from onnxplain.text import offer

if TYPE_CHECKING:
    from onnxplain.runs.audit.audited import Audited

UNITS = {
    "changed": "share of the rows that change their class",
    "score_change": "score less that of the reference",
    "score_distance": "distance of the score from that of the reference",
    "spearman": "Spearman's correlation of the map with that of the reference",
    "cosine": "cosine of the map with that of the reference",
    "relative_l2": "distance of the map from that of the reference, as a share of its norm",
    "overlap": "overlap of the top tenth of the map with that of the reference",
    "sign_flips": "share of the positions that change their sign",
}


@dataclass(frozen=True)
class Agreement:
    """How far each row is from that of a reference; see `onnxplain.diff`.

    reference: the folder of a run, or the path of a model, which is then loaded and run as the audited one was.
    quantity: one of `onnxplain.diff`: "changed", "spearman", "overlap" and so on.
    """

    reference: str
    quantity: str = "spearman"
    unit: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise UsageError(f"quantity = {self.quantity!r}; {offer(self.quantity, QUANTITIES)}")

    def measure(self, audited: Audited) -> Measured:
        """Compare all rows with those of the reference. Raises UsageError where it cannot be compared with."""
        pairs = [(each.name, each.value(self.quantity)) for each in audited.against(self.reference)]
        known = [(name, value) for name, value in pairs if value is not None]
        left = len(audited.run) - len(known)
        return Measured(
            [name for name, _ in known],
            np.array([value for _, value in known]),
            UNITS[self.quantity],
            f"{left} row{'s' * (left != 1)} without a counterpart for the same class" if left else "",
        )
