"""Gauss-Legendre quadrature with few and with many points."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.method.quadrature import legendre


@pytest.mark.parametrize("count", [1, 2, 50, 256, 257, 400])
def test_points_and_weights_are_those_of_numpy(count):
    points, weights = legendre(count)
    x, w = np.polynomial.legendre.leggauss(count)
    assert points == pytest.approx((x + 1) / 2, abs=2e-14) and weights == pytest.approx(w / 2, abs=1e-13)


@pytest.mark.parametrize("count", [300, 3001])
def test_many_points_are_those_of_scipy(count):
    roots_legendre = pytest.importorskip("scipy.special").roots_legendre
    x, w = roots_legendre(count)
    points, weights = legendre(count)
    assert points == pytest.approx((x + 1) / 2, abs=1e-14)
    assert weights == pytest.approx(w / 2, rel=1e-9) and (np.diff(points) > 0).all()


def test_many_points_integrate_a_function_that_waves():
    points, weights = legendre(4000)
    assert (weights * np.cos(1000 * points)).sum() == pytest.approx(np.sin(1000) / 1000, abs=1e-13)
