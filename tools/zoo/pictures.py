"""Smooth random inputs: sums of a few waves, the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np


def pictures(rows: int, shape: tuple[int, ...], seed: int = 0, waves: int = 4) -> Any:
    """Return float32 arrays [rows, *shape] that vary slowly along the last two axes, or one; mean 0, deviation 1."""
    rng = np.random.default_rng(seed)
    spatial = min(2, len(shape))
    lead = (rows, *shape[: len(shape) - spatial])
    found = rng.standard_normal((*lead, *(waves,) * spatial))
    for axis, size in zip(range(-spatial, 0), shape[len(shape) - spatial :], strict=True):
        basis = np.cos(np.pi * np.outer(np.arange(waves), (np.arange(size) + 0.5) / size))
        found = np.moveaxis(np.moveaxis(found, axis, -1) @ basis, -1, axis)
    axes = tuple(range(1, found.ndim))
    found = (found - found.mean(axes, keepdims=True)) / found.std(axes, keepdims=True)
    return found.astype(np.float32)


def tokens(rows: int, length: int, vocabulary: int, seed: int = 0, first: int = 3) -> Any:
    """Return token ids [rows, length], int64; ids below `first` are left out, as they mean padding and the like."""
    return np.random.default_rng(seed).integers(first, vocabulary, (rows, length))
