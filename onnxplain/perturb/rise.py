"""RISE: the mean score of pictures seen through random masks, by what each mask lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from onnxplain import checks
from onnxplain.perturb.hide import check_mixable, stand_in
from onnxplain.perturb.row import PerturbationResult, blended, is_table, places
from onnxplain.resample import interpolation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array
    from onnxplain.perturb.row import Row


@dataclass(frozen=True)
class Rise:
    """The mean score over random masks that let a place through, above the mean over all of them.

    R(q) = 1/(N p) Σ (F(x seen through m) - F̄) m(q). A mask is a grid of cells that are 1 with probability p,
    enlarged by bilinear interpolation to one cell more than the input and cut out at a random offset. F̄ is the
    mean score over the masks: without it (centre=False) this is the paper's map, which is higher by F̄ everywhere,
    and noisier. In a table every column is a cell.

    samples: masks, N. grid: cells per axis. p: 0 to 1, both excluded. value: what is seen where a mask is 0.
    Source: Petsiuk et al. 2018.
    """

    samples: int = 4000
    grid: int = 7
    p: float = 0.5
    value: float | str = "baseline"
    centre: bool = True
    random_seed: int = 0
    learns: ClassVar[int] = 0

    def __post_init__(self) -> None:
        checks.whole(samples=self.samples, grid=self.grid)
        checks.flag(centre=self.centre)
        checks.seed(random_seed=self.random_seed)
        checks.real(1e-6, 1 - 1e-6, p=self.p)

    def count(self, row: Row) -> int:  # noqa: ARG002
        """One row a mask."""
        return self.samples

    def explain(self, row: Row) -> PerturbationResult:
        """Chunk of masks by chunk of masks; sums in float64."""
        check_mixable(row, "rise")
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
        """Masks [n, *places], float32, as many as fit at once; which they are does not depend on how many fit."""
        sizes, rng = places(row), row.rng
        whole = [is_table(row) or n <= self.grid for n in sizes]
        cells = [n if alone else self.grid for n, alone in zip(sizes, whole, strict=True)]
        matrices = [None if alone else _enlarge(n, self.grid) for n, alone in zip(sizes, whole, strict=True)]
        offsets = [rng.integers(0, -(-n // self.grid), self.samples) for n in sizes]
        for start in range(0, self.samples, row.at_once):
            n = min(row.at_once, self.samples - start)
            masks = (rng.random((n, *cells), np.float32) < self.p).astype(np.float32)
            for size, matrix, begin in zip(sizes, matrices, offsets, strict=True):
                masks = np.moveaxis(masks, 1, -1)  # each turn takes the first axis and puts it last
                masks = masks if matrix is None else _cut(masks, matrix, size, begin[start : start + n])
            yield masks


def _enlarge(size: int, grid: int) -> Array:
    """Matrix from the cells to one cell more than the input, [cell (grid + 1), grid]."""
    return interpolation(grid, -(-size // grid) * (grid + 1)).astype(np.float32)


def _cut(masks: Array, matrix: Array, size: int, begin: Array) -> Array:
    """The last axis of masks [n, ..., grid] enlarged, and `size` of it from each mask's `begin` on."""
    rows = matrix[begin[:, None] + np.arange(size)]
    flat = masks.reshape(len(masks), -1, masks.shape[-1])
    return np.asarray(flat @ rows.transpose(0, 2, 1)).reshape(*masks.shape[:-1], size)
