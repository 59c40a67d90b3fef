"""Gini index and entropy: their definitions, SciPy's entropy, and the maps at both ends."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import linear

import onnxplain as ox
from onnxplain.measure.concentration import entropy, gini


def test_the_gini_index_is_half_the_relative_mean_difference():
    relevance = np.random.default_rng(0).normal(size=(5, 7))
    size = np.abs(relevance).ravel()
    apart = np.abs(size[:, None] - size).mean()
    assert gini(relevance) == pytest.approx(apart / (2 * size.mean()))


def test_the_entropy_is_scipys():
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    relevance = np.random.default_rng(0).normal(size=(5, 7))
    relevance[2] = 0
    assert entropy(relevance) == pytest.approx(stats.entropy(np.abs(relevance).ravel()))


def test_one_position_and_all_alike_are_the_ends():
    one, alike = np.zeros((4, 5)), np.full((4, 5), -2.0)
    one[1, 2] = 3
    assert gini(one) == pytest.approx(1 - 1 / 20) and entropy(one) == 0
    for each in (alike, np.zeros((4, 5))):
        assert gini(each) == pytest.approx(0) and entropy(each) == pytest.approx(np.log(20))


def test_the_channels_of_a_position_are_summed_first():
    model, x, w = linear()
    e = ox.evaluate(model, x, ["input_x_gradient"], ["sparseness", "complexity"], target=2)
    planes = (w[2] * x).sum(1)
    np.testing.assert_allclose(e.of("gini")["input_x_gradient"], [gini(each) for each in planes], rtol=1e-6)
    np.testing.assert_allclose(e.of("entropy")["input_x_gradient"], [entropy(each) for each in planes], rtol=1e-6)
