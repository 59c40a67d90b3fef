"""Shapley sampling against Shapley values by their definition."""

from __future__ import annotations

import numpy as np
import pytest
from nets import relu_cnn
from perturb.rows import Plain, linear, picture
from perturb.test_kernel_shap import BASELINE, X, shapley, tangled

import onnxplain as ox
from onnxplain.perturb.kernel_shap import KernelShap
from onnxplain.perturb.shapley_sampling import ShapleySampling


def test_all_orders_give_shapley_values():
    found = ShapleySampling(samples=120).explain(Plain(X, tangled, baseline=BASELINE))  # 5! orders
    np.testing.assert_allclose(found.map, shapley(tangled, X, BASELINE), atol=1e-10)
    assert found.due == tangled(X) - tangled(BASELINE)


def test_the_mean_over_seeds_is_unbiased_and_its_error_is_that_of_the_sample():
    """A few orders each: the mean over many seeds lies within its own standard error, of which 4 are allowed."""
    exact, rounds = shapley(tangled, X, BASELINE), []
    for seed in range(400):
        row = Plain(X, tangled, baseline=BASELINE)
        row.rng = np.random.default_rng(seed)
        rounds.append(ShapleySampling(samples=3).explain(row).map)
    error = np.std(rounds, 0, ddof=1) / 20
    assert (np.abs(np.mean(rounds, 0) - exact) <= 4 * error + 1e-12).all()
    assert error[:4].min() > 0


@pytest.mark.parametrize("samples", [1, 7])
def test_completeness_holds_however_few_the_samples(samples):
    x = np.random.default_rng(0).normal(size=20)
    f = lambda row: float(np.tanh(row).prod() + np.sin(row).sum())  # noqa: E731
    found = ShapleySampling(samples=samples).explain(Plain(x, f))
    np.testing.assert_allclose(found.map.sum(), f(x) - f(np.zeros(20)), atol=1e-10)


def test_a_linear_function_needs_one_order():
    x = picture()
    w, f = linear(x)
    blocks = np.arange(120).reshape(12, 10) // 20
    found = ShapleySampling(samples=1, superpixels=blocks, value="baseline").explain(Plain(x, f, channel_axis=0)).map
    due = np.bincount(blocks.ravel(), (w * x).sum(0).ravel())
    np.testing.assert_allclose(np.bincount(blocks.ravel(), found.ravel()), due, atol=1e-9)


def test_a_background_counts_as_in_kernel_shap():
    rng = np.random.default_rng(0)
    ground = np.stack([BASELINE, BASELINE + rng.normal(size=5), rng.normal(size=5)])
    rows = [Plain(X, tangled, background=ground) for _ in range(2)]
    ours, kernel = ShapleySampling(samples=120).explain(rows[0]), KernelShap().explain(rows[1])
    np.testing.assert_allclose(ours.map, kernel.map, atol=1e-9)
    assert ours.due == pytest.approx(kernel.due)


def test_one_feature_has_everything():
    found = ShapleySampling(samples=3).explain(Plain(np.array([2.0]), lambda row: float(row[0] ** 2)))
    assert found.map.tolist() == [4.0] and found.due == 4


def test_it_explains_a_picture():
    model, x = relu_cnn()
    labels = np.arange(99).reshape(11, 9) // 20
    e, again = (ox.explain(ox.load(model), x, "shapley_sampling", superpixels=labels, samples=4) for _ in range(2))
    assert np.abs(e.delta).max() < 1e-4
    np.testing.assert_array_equal(e.attribution, again.attribution)
