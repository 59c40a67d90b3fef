"""Smooth masks by max-convolution: coarse cells, each the centre of a soft disc, joined by a smooth maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxplain.arrays import Array


COLDNESS = 20.0
"""How close the smooth maximum is to the true one: the inverse of its temperature."""


@dataclass(frozen=True)
class SmoothMask:
    """A mask over a plane of `size`, made of coarse cells whose values are learnt.

    m(u) = smax over the cells c near u of k(|u - c| / sigma) m(c), with the smooth maximum
    smax f = Σ f exp(20 f) / Σ exp(20 f) and the soft disc k(z) = exp(-2 max(z - 1/2, 0)²). A cell lies in the middle of
    every `step` x `step` pixels. A cell is near u if it is at most `reach` cells away from that of u, along both axes.
    Source: Fong et al. 2019.
    """

    size: tuple[int, int]
    step: int
    sigma: float

    @property
    def cells(self) -> tuple[int, int]:
        """How many cells there are along each axis."""
        return -(-self.size[0] // self.step), -(-self.size[1] // self.step)

    @cached_property
    def reach(self) -> int:
        """How far the disc of a cell reaches, in cells."""
        return 1 + math.ceil(self.sigma / self.step)

    @cached_property
    def kernel(self) -> Array:
        """The disc k at each pixel of a cell, around each near cell: float32 [taps, taps, 1, step · step].

        There are taps = 2 reach + 1 near cells along each axis.
        """
        inside = np.arange(self.step) - (self.step - 1) / 2
        apart = self.step * np.arange(-self.reach, self.reach + 1)[:, None] - inside
        distance = np.hypot(apart[:, None, :, None], apart[None, :, None, :]) / self.sigma
        kernel: Array = np.exp(-2 * np.maximum(distance - 0.5, 0) ** 2).astype(np.float32)
        return kernel.reshape(*kernel.shape[:2], 1, self.step**2)

    def __call__(self, cells: Array) -> tuple[Array, list[Array]]:
        """Return the mask [*size] of `cells` [h, w], and its slopes, which `adjoint` needs.

        The slopes are the derivatives of the mask with respect to the near cells, for each row of cells.
        """
        near = np.lib.stride_tricks.sliding_window_view(np.pad(cells, self.reach), self.cells)
        rows = [self._row(near[:, :, i, :, None]) for i in range(self.cells[0])]
        fine = np.stack([mask for mask, _ in rows]).reshape(*self.cells, self.step, self.step).swapaxes(1, 2)
        height, width = self.size
        return fine.reshape(-1, self.cells[1] * self.step)[:height, :width], [slope for _, slope in rows]

    def _row(self, near: Array) -> tuple[Array, Array]:
        """Return the mask [w, step · step] and the slopes [taps, taps, w, step · step] of one row of cells.

        near: the values of the near cells of each cell in the row, [taps, taps, w, 1]. One row at a time fits the cache
        of a processor.
        """
        parts = self.kernel * near
        odds = np.exp(COLDNESS * parts)
        odds /= odds.sum((0, 1))
        mask = (odds * parts).sum((0, 1))
        slope = COLDNESS * (parts - mask) + 1
        slope *= odds
        slope *= self.kernel
        return mask, slope

    def adjoint(self, slope: Array, rows: list[Array]) -> Array:
        """Return the derivative of a number with respect to the cells [h, w].

        slope: its derivative with respect to the mask [*size]. rows: the slopes of the mask, from `__call__`.
        """
        (h, w), r, step = self.cells, self.reach, self.step
        pads = [(0, n * step - m) for n, m in zip(self.cells, self.size, strict=True)]
        fine = np.pad(slope, pads).reshape(h, step, w, step).swapaxes(1, 2).reshape(h, w, step**2)
        total = np.zeros((h + 2 * r, w + 2 * r), slope.dtype)
        for i, each in enumerate(rows):
            shares = np.einsum("abwk,wk->abw", each, fine[i])
            for b in range(2 * r + 1):
                total[i : i + 2 * r + 1, b : b + w] += shares[:, b]
        return total[r : r + h, r : r + w]
