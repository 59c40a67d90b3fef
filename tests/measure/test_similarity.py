"""Spearman against SciPy, SSIM against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.measure.similarity import spearman, ssim, unit


@pytest.mark.parametrize("levels", [None, 5])
def test_spearman_equals_scipy(levels):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 9, 11))
    b += a
    if levels:  # ties
        a, b = np.round(a * levels) / levels, np.round(b)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)


@pytest.mark.parametrize("shape", [(7, 7), (32, 20), (8, 3), (5, 5, 5)])
def test_ssim_equals_scikit_image(shape):
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    rng = np.random.default_rng(0)
    a, b = unit(rng.normal(size=(2, *shape)))
    side = min(7, *(n - 1 + n % 2 for n in shape))
    due = metrics.structural_similarity(a, (a + b) / 2, win_size=side, data_range=1.0)
    assert ssim(a, (a + b) / 2) == pytest.approx(due, abs=1e-12)


def test_a_map_is_like_itself_and_a_constant_one_like_nothing():
    a = np.random.default_rng(0).normal(size=(9, 9))
    assert spearman(a, a) == pytest.approx(1) and spearman(a, -a) == pytest.approx(-1)
    assert ssim(unit(a), unit(a)) == pytest.approx(1)
    assert spearman(a, np.ones_like(a)) == 0


def test_unit_is_in_0_to_1_and_keeps_zeros():
    assert unit(np.array([-4.0, 2.0])).tolist() == [1.0, 0.5]
    assert unit(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
