"""An ensemble of decision trees as arrays, and what its branches decide of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onnxplain.arrays import Array

COMPARISONS: Mapping[str, Callable[[Array, Array], Array]] = {
    "BRANCH_LEQ": np.less_equal,
    "BRANCH_LT": np.less,
    "BRANCH_GTE": np.greater_equal,
    "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal,
    "BRANCH_NEQ": np.not_equal,
}
"""What a branch asks of the value x of its column: x ? threshold."""

MEMBER = "BRANCH_MEMBER"
"""The mode of a branch that asks whether the value is one of a set."""


@dataclass(frozen=True)
class Ensemble:
    """A sum of trees: F(x) = base + Σ over the trees of the values of the leaf that x arrives at.

    The branches of all trees have one numbering, their leaves another one.

    column, threshold, mode: of each branch, which column of x it reads and what it asks of it; missing: whether NaN
    counts as true. members: the set of a branch whose mode is MEMBER, by its number.
    paths: for each leaf the branches on the way to it, from the root on; ways: whether each has to be true.
    values: float64 [leaves, K], what a leaf adds to each of the K scores. base: float64 [K].
    """

    column: Array
    threshold: Array
    mode: tuple[str, ...]
    missing: Array
    paths: tuple[Array, ...]
    ways: tuple[Array, ...]
    values: Array
    base: Array
    members: Mapping[int, Array] = field(default_factory=dict)

    def decisions(self, x: Array) -> Array:
        """Return what each branch decides of each row of x [N, columns], bool [branches, N].

        As in onnxruntime, the values are compared in their own float type, and whole numbers in float32. Before it
        looks for a value in a set, onnxruntime may cut it off to a whole number, against the definition: who compares
        the scores finds that.
        """
        dtype = np.float64 if x.dtype == np.float64 else np.float32
        values, thresholds = x.astype(dtype).T, self.threshold.astype(dtype)
        found = np.zeros((len(self.column), len(x)), bool)
        for mode in set(self.mode) - {MEMBER}:
            at = np.flatnonzero([each == mode for each in self.mode])
            found[at] = COMPARISONS[mode](values[self.column[at]], thresholds[at, None])
        for branch, members in self.members.items():
            found[branch] = np.isin(values[self.column[branch]], members.astype(dtype))
        if self.missing.any():
            at = np.flatnonzero(self.missing)
            found[at] |= np.isnan(values[self.column[at]])
        return found

    def scores(self, x: Array) -> Array:
        """Return F of each row of x, float64 [N, K]."""
        decided = self.decisions(x)
        total = np.repeat(self.base[None], len(x), 0)
        for path, way, value in zip(self.paths, self.ways, self.values, strict=True):
            total[(decided[path] == way[:, None]).all(0)] += value
        return total
