"""RISE: the mean score of inputs seen through random masks, credited to what each mask lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.hiding import check_mixable
from onnxplain.perturb.hide import stand_in
from onnxplain.perturb.row import PerturbationResult, blended, is_table, places
from onnxplain.resample import interpolation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class Rise:
    """The mean score over random masks that let a place through, above the mean over all of them.

    R(q) = 1/(N p) Σ (F(x seen through m) - F̄) m(q), over N masks m with values from 0 to 1. A mask is a coarse grid of
    cells, each 1 with probability p and else 0, enlarged by bilinear interpolation to one cell more than the input,
    from which a part of the input's size is cut at a random offset. For a table every column is a cell.

    F̄ is the mean score over the masks. Without it (centre=False) this is the map of the paper, which is higher by F̄
    everywhere, and noisier.

    samples: N. grid: cells along each axis. p: between 0 and 1, both excluded. value: what is shown where a mask is 0.
    Source: Petsiuk et al. 2018.
    """

    samples: int = 4000
    grid: int = 7
    p: float = 0.5
    value: float | str = "baseline"
    centre: bool = True
    random_seed: int = 0
    learns: ClassVar[int] = 0
    mixes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples, grid=self.grid)
        checks.flag(centre=self.centre)
        checks.seed(random_seed=self.random_seed)
        checks.real(1e-6, 1 - 1e-6, p=self.p)

    def count(self, row: Row) -> int:  # noqa: ARG002
        """Return how many rows are scored: one for each mask."""
        return self.samples

    def explain(self, row: Row) -> PerturbationResult:
        """Score the row through the masks, as many at once as fit, and sum in float64."""
        check_mixable(row.x, "rise")
        hidden, size = stand_in(row, self.value), places(row)
        seen, shown, total = np.zeros(size), np.zeros(size), 0.0
        for masks in self._masks(row):
            scores = row.score(blended(row, masks, hidden))
            weights = np.stack([scores, np.ones_like(scores)])  # float64: large scores may differ by little
            parts = (weights @ masks.reshape(len(masks), -1)).reshape(2, *size)
            seen, shown, total = seen + parts[0], shown + parts[1], total + scores.sum()
        mean = total / self.samples if self.centre else 0.0
        return PerturbationResult((seen - mean * shown) / (self.samples * self.p))

    def _masks(self, row: Row) -> Iterator[Array]:
        """Yield the masks, float32 [n, *places], as many at once as fit; how many fit changes no mask."""
        sizes, rng = places(row), row.rng
        whole = [is_table(row) or n <= self.grid for n in sizes]
        cells = [n if alone else self.grid for n, alone in zip(sizes, whole, strict=True)]
        matrices = [None if alone else _enlarge(n, self.grid) for n, alone in zip(sizes, whole, strict=True)]
        offsets = [rng.integers(0, -(-n // self.grid), self.samples) for n in sizes]
        for start in range(0, self.samples, row.at_once):
            n = min(row.at_once, self.samples - start)
            masks = (rng.random((n, *cells), np.float32) < self.p).astype(np.float32)
            for size, matrix, begin in zip(sizes, matrices, offsets, strict=True):
                masks = np.moveaxis(masks, 1, -1)  # the next axis comes last; after all turns the order is as before
                masks = masks if matrix is None else _cut(masks, matrix, size, begin[start : start + n])
            yield masks


def _enlarge(size: int, grid: int) -> Array:
    """Return the matrix that interpolates `grid` cells to one cell more than `size` places.

    It has the shape [cell (grid + 1), grid], where a cell is the smallest whole number of places with which `grid`
    cells cover `size`.
    """
    return interpolation(grid, -(-size // grid) * (grid + 1)).astype(np.float32)


def _cut(masks: Array, matrix: Array, size: int, begin: Array) -> Array:
    """Return masks [n, ..., grid] with the last axis enlarged by `matrix` and cut to `size` places, [n, ..., size].

    begin: the place [n] at which the part of each mask begins.
    """
    rows = matrix[begin[:, None] + np.arange(size)]
    flat = masks.reshape(len(masks), -1, masks.shape[-1])
    return np.asarray(flat @ rows.transpose(0, 2, 1)).reshape(*masks.shape[:-1], size)
