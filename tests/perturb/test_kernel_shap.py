"""KernelSHAP against Shapley values by their definition, and the laws that define them."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest
from perturb.rows import Plain, linear, picture

from onnxplain.perturb.kernel_shap import KernelShap, coalitions


def shapley(f, x, baseline):
    """The mean gain of each feature over all orders in which features are added."""
    gains = np.zeros(len(x))
    orders = list(permutations(range(len(x))))
    for order in orders:
        row = baseline.copy()
        before = f(row)
        for i in order:
            row[i] = x[i]
            after = f(row)
            gains[i] += after - before
            before = after
    return gains / len(orders)


def tangled(row):
    """Products, a maximum and a kink; the last column plays no part, columns 0 and 1 play the same."""
    return float(row[0] * row[1] * row[2] + max(row[2], row[3]) ** 2 + abs(row[0] + row[1]) - row[3])


X, BASELINE = np.array([1.5, 1.5, -0.5, 2.0, 9.0]), np.array([0.1, 0.1, 0.3, -0.2, 1.0])


def test_enumeration_gives_shapley_values():
    found = KernelShap().explain(Plain(X, tangled, baseline=BASELINE))
    np.testing.assert_allclose(found.map, shapley(tangled, X, BASELINE), atol=1e-10)
    assert found.due == tangled(X) - tangled(BASELINE)


def test_laws_of_shapley_values():
    found = KernelShap().explain(Plain(X, tangled, baseline=BASELINE)).map
    assert abs(found[4]) < 1e-12, "a dummy gets nothing"
    assert abs(found[0] - found[1]) < 1e-12, "equals get the same"
    np.testing.assert_allclose(found.sum(), tangled(X) - tangled(BASELINE), rtol=1e-12)


@pytest.mark.parametrize("samples", [10, 100])
def test_completeness_holds_however_few_the_samples(samples):
    x = np.random.default_rng(0).normal(size=20)
    f = lambda row: float(np.tanh(row).prod() + np.sin(row).sum())  # noqa: E731
    found = KernelShap(samples=samples).explain(Plain(x, f))
    np.testing.assert_allclose(found.map.sum(), f(x) - f(np.zeros(20)), atol=1e-10)


def test_a_linear_function_needs_no_enumeration():
    x = np.random.default_rng(0).normal(size=30)
    w, f = linear(x)
    np.testing.assert_allclose(KernelShap(samples=300).explain(Plain(x, f)).map, w * x, atol=1e-9)


def test_many_samples_come_near_the_shapley_values():
    """13 columns: 8190 coalitions, of which 3000 are seen. The exact values are the sum of those of two halves."""
    x = np.random.default_rng(1).normal(size=13)
    f = lambda row: float(row[:6].prod() + np.maximum(row[6:12].sum(), 0))  # noqa: E731
    left = shapley(lambda row: float(row.prod()), x[:6], np.zeros(6))
    right = shapley(lambda row: float(np.maximum(row.sum(), 0)), x[6:12], np.zeros(6))
    found = KernelShap(samples=3000).explain(Plain(x, f, at_once=500)).map
    np.testing.assert_allclose(found, [*left, *right, 0], atol=0.02 * np.abs(right).max())


def test_superpixels_complete_too():
    x = picture()
    w, f = linear(x)
    blocks = np.arange(120).reshape(12, 10) // 20
    found = KernelShap(superpixels=blocks, value="baseline").explain(Plain(x, f, channel_axis=0))
    sums = np.bincount(blocks.ravel(), found.map.ravel())
    np.testing.assert_allclose(sums, np.bincount(blocks.ravel(), (w * x).sum(0).ravel()), atol=1e-10)


def test_one_feature_gets_everything():
    found = KernelShap().explain(Plain(np.array([2.0]), lambda row: float(row[0] ** 3)))
    np.testing.assert_allclose(found.map, [8.0])


@pytest.mark.parametrize("m", [2, 3, 6, 11])
def test_all_coalitions_have_the_shapley_kernel(m):
    keep, weights = coalitions(m, 2**m - 2, np.random.default_rng(0))
    assert len(np.unique(keep, axis=0)) == len(keep) == 2**m - 2
    size = keep.sum(1)
    kernel = np.array([(m - 1) / (comb(m, s) * s * (m - s)) for s in size])
    np.testing.assert_allclose(weights, kernel / kernel.sum())


@pytest.mark.parametrize("samples", [1, 40, 41, 500])
def test_drawn_coalitions_keep_to_the_budget_and_weigh_one(samples):
    keep, weights = coalitions(16, samples, np.random.default_rng(0))
    assert len(keep) == len(weights) == samples
    np.testing.assert_allclose(weights.sum(), 1)
    assert keep.sum(1).min() > 0 and keep.sum(1).max() < 16


def test_there_may_be_more_coalitions_than_a_float_counts():
    """A linear function of 1100 columns: what few samples give to each sums to the whole."""
    x = np.random.default_rng(0).normal(size=1100)
    w, f = linear(x)
    found = KernelShap(samples=64).explain(Plain(x, f))
    np.testing.assert_allclose(found.map.sum(), w @ x, atol=1e-9)
