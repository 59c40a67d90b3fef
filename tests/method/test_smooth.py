"""Gaussian smoothing: an impulse becomes the kernel, sums are kept, scipy agrees where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from nets import DIGITS, digits

import onnxplain as ox
from onnxplain.method.smooth import smooth


def test_an_impulse_becomes_a_gaussian():
    maps = np.zeros((1, 2, 21, 21))
    maps[0, 1, 10, 10] = 1
    blurred = smooth(maps, 1.5, 1)
    y, x = np.mgrid[-10:11, -10:11]
    want = np.exp(-(y**2 + x**2) / (2 * 1.5**2)) * ((abs(y) <= 6) & (abs(x) <= 6))
    np.testing.assert_allclose(blurred[0, 1], want / want.sum(), atol=1e-12)
    assert not blurred[0, 0].any()


def test_the_sum_is_kept_up_to_the_border():
    maps = np.random.default_rng(0).normal(size=(2, 7, 9, 3))
    np.testing.assert_allclose(smooth(maps, 2.0, 3).sum((1, 2)), maps.sum((1, 2)), rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_it_is_what_scipy_computes(sigma):
    scipy = pytest.importorskip("scipy.ndimage")
    maps = np.random.default_rng(1).normal(size=(2, 3, 12, 10))
    np.testing.assert_allclose(smooth(maps, sigma, 1), scipy.gaussian_filter(maps, (0, 0, sigma, sigma)), atol=1e-12)


def test_any_method_takes_it():
    model = digits()
    sharp, soft = (ox.explain(model, DIGITS[0], "saliency", smooth=s) for s in (0.0, 1.0))
    assert (sharp.attribution >= 0).all()
    np.testing.assert_allclose(soft.attribution, smooth(sharp.attribution, 1.0, 1))


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), "a", None, [1], True])
def test_a_senseless_width_says_so(sigma):
    with pytest.raises(ox.errors.UsageError, match=r"smooth=.*expected a number, 0 or more"):
        ox.explain(digits(), DIGITS[0], "saliency", smooth=sigma)
