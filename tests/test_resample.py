"""Resizing and Gaussians against SciPy, and against sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.resample import blurred, gaussian_interpolation, interpolation, resized

ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed")
MAPS = np.random.default_rng(0).normal(size=(2, 7, 5))


@pytest.mark.parametrize("sizes", [(14, 20), (9, 13), (7, 5)])
def test_maps_are_enlarged_as_scipy_enlarges(sizes):
    factors = [size / n for size, n in zip(sizes, MAPS.shape[1:], strict=True)]
    due = [ndimage.zoom(each, factors, order=1, mode="nearest", grid_mode=True) for each in MAPS]
    np.testing.assert_allclose(resized(MAPS, sizes), due, atol=1e-12)


def test_centres_of_pixels_lie_at_a_half():
    """Two cells over four pixels: the pixels lie at 1/4 and 3/4 of a cell's way to the next."""
    due = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_allclose(interpolation(2, 4), due)


@pytest.mark.parametrize("sigmas", [(0.8, 1.7), (0.0, 2.5), (3.0, 0.4)])
def test_a_blur_is_scipy_s(sigmas):
    due = ndimage.gaussian_filter(MAPS, (0, *sigmas), mode="reflect", truncate=4.0)
    np.testing.assert_allclose(blurred(MAPS, sigmas, 1), due, atol=1e-12)


@pytest.mark.parametrize(("size", "sigma"), [(700, 90.0), (50, 120.0)])
def test_a_blur_that_reaches_far_is_scipy_s(size, sigma):
    """By Fourier transforms, also beyond the other border."""
    maps = np.random.default_rng(2).normal(size=(2, size, 3))
    due = ndimage.gaussian_filter1d(maps, sigma, 1, mode="reflect", truncate=4.0)
    np.testing.assert_allclose(blurred(maps, (sigma,), 1), due, atol=1e-12)
    assert blurred(maps.astype("f"), (sigma,), 1).dtype == np.float32


def test_a_long_axis_takes_no_memory_of_its_square():
    """A matrix of these lengths would have a million million elements."""
    line = np.arange(10**6, dtype=float)[None]
    np.testing.assert_allclose(resized(line, (2 * 10**6,))[0, 1001], 500.25)
    np.testing.assert_allclose(blurred(line, (10**4,), 1)[0, 500000], 500000)


@pytest.mark.parametrize(("source", "size", "sigma"), [(3, 9, 2.0), (4, 10, 0.7), (5, 5, 1.0)])
def test_a_cell_is_enlarged_by_a_gaussian_around_its_centre(source, size, sigma):
    found = gaussian_interpolation(source, size, sigma)
    for place in range(size):
        apart = [place + 0.5 - (cell + 0.5) * size / source for cell in range(source)]
        odds = np.exp(-0.5 * (np.array(apart) / sigma) ** 2)
        np.testing.assert_allclose(found[place], odds / odds.sum(), rtol=1e-12)
