"""Two maps of one input: each figure against SciPy or NumPy in float64, and equal maps exactly alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from onnxplain.runs.diff.likeness import SAME, cosine, likeness, overlap, relative_l2


@pytest.fixture
def pair():
    """Two maps with many ties: few different numbers, and zeros of both signs."""
    rng = np.random.default_rng(3)
    a = np.round(rng.standard_normal((17, 23)), 1)
    b = np.round(a + 0.7 * rng.standard_normal((17, 23)), 1)
    return a.astype(np.float16), b.astype(np.float16)


def test_rank_correlation_with_ties_is_that_of_scipy(pair):
    stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")
    a, b = (each.astype(np.float64).ravel() for each in pair)
    assert len(np.unique(a)) < a.size / 4
    assert likeness(*pair).spearman == pytest.approx(stats.spearmanr(a, b).statistic, rel=1e-13)


def test_cosine_and_distance_are_those_of_numpy_in_float64(pair):
    a, b = (each.astype(np.float64).ravel() for each in pair)
    found = likeness(*pair)
    assert found.cosine == pytest.approx(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-14)
    assert found.relative_l2 == pytest.approx(np.sqrt(np.sum((b - a) ** 2) / np.sum(a**2)), rel=1e-14)


def test_sign_flips_and_overlap_are_counted(pair):
    a, b = (each.astype(np.float64).ravel().tolist() for each in pair)
    flips = [x * y < 0 for x, y in zip(a, b, strict=True) if x and y]
    assert likeness(*pair).sign_flips == sum(flips) / len(flips)
    most = math.ceil(len(a) / 10)
    tops = [set(sorted(range(len(m)), key=lambda i, m=m: (-abs(m[i]), i))[:most]) for m in (a, b)]
    assert likeness(*pair).overlap == len(tops[0] & tops[1]) / most


@pytest.mark.parametrize(
    "a",
    [np.zeros((3, 3)), np.full((3, 3), 2.5), np.random.default_rng(1).standard_normal((9, 9)), np.eye(4) * 1e-300],
    ids=["zeros", "constant", "noise", "tiny"],
)
def test_a_map_and_itself_are_exactly_alike(a):
    assert likeness(a, a.copy()) == SAME == (1, 1, 0, 1, 0)


def test_the_length_of_a_map_does_not_matter_to_the_cosine():
    a = np.random.default_rng(2).standard_normal(50)
    for times in (1e-200, 3.0, 1e200):
        assert cosine(a, times * a) == pytest.approx(1, abs=1e-15)
        assert cosine(a, -times * a) == pytest.approx(-1, abs=1e-15)


def test_a_map_of_zeros_is_not_like_another_one():
    zeros, ones = np.zeros(20), np.arange(20.0)
    assert likeness(zeros, ones) == (0, 0, math.inf, 0, 0)
    assert likeness(ones, zeros) == (0, 0, 1, 0, 0)
    assert relative_l2(ones, 3 * ones) == pytest.approx(2)


def test_positions_without_relevance_are_not_among_the_top():
    a, b = np.zeros(100), np.zeros(100)
    a[7], b[7], b[8] = 1, 1, -2
    assert overlap(a, b) == 0.5
