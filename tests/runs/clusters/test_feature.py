"""A map as a short vector: cells hold the sums of their positions, and the length is 1."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.errors import UsageError
from onnxplain.runs.clusters.feature import feature, unit


def test_cells_hold_the_sums_of_their_positions():
    relevance = np.random.default_rng(0).standard_normal((10, 7))
    cells = [
        relevance[10 * i // 3 : 10 * (i + 1) // 3, 7 * j // 3 : 7 * (j + 1) // 3].sum()
        for i in range(3)
        for j in range(3)
    ]
    np.testing.assert_allclose(feature(relevance, 3), np.array(cells) / np.linalg.norm(cells), rtol=1e-12)


def test_small_maps_and_tables_keep_their_positions():
    relevance = np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(feature(relevance), relevance.ravel() / np.linalg.norm(relevance))
    assert feature(np.ones(500)).shape == (500,)


def test_length_does_not_matter_and_zeros_stay():
    relevance = np.random.default_rng(0).standard_normal((30, 30))
    np.testing.assert_allclose(feature(1e-20 * relevance.astype("f")), feature(relevance), atol=1e-6)
    assert not unit(np.zeros(3)).any()
    with pytest.raises(UsageError, match="single number"):
        feature(np.ones((1, 1)))
