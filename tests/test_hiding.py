"""What is shown where a part of an input is hidden: against SciPy and closed forms, in every element type."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from onnxplain import hiding
from onnxplain.errors import UsageError

RNG = np.random.default_rng(0)
PICTURE = RNG.normal(size=(3, 12, 10))


@pytest.mark.parametrize("axis", [0, 1, 2, None])
def test_the_mean_is_that_of_each_channel(axis):
    got = hiding.mean(PICTURE, axis)
    for channel in range(1 if axis is None else PICTURE.shape[axis]):
        taken = PICTURE if axis is None else PICTURE.take(channel, axis)
        np.testing.assert_allclose(got if axis is None else got.take(channel, axis), np.full(taken.shape, taken.mean()))


@pytest.mark.parametrize("axis", [0, 2, None])
def test_a_blur_is_scipy_s_along_places_alone(axis):
    places = [each for each in range(3) if each != axis]
    sigmas = [0.5 + each for each in places]
    due = PICTURE
    for each, sigma in zip(places, sigmas, strict=True):
        due = gaussian_filter1d(due, sigma, each, mode="reflect")
    np.testing.assert_allclose(hiding.blur(PICTURE, axis, sigmas), due, atol=1e-12)


def test_a_blur_is_computed_in_the_type_that_is_asked_for():
    x = PICTURE.astype("f")
    single, double = (hiding.blur(x, 0, (2.0, 2.0), dtype) for dtype in (None, np.float64))
    assert single.dtype == double.dtype == np.float32
    exact = hiding.blur(PICTURE.astype("f").astype("d"), 0, (2.0, 2.0)).astype("f")
    np.testing.assert_array_equal(double, exact)
    assert (single != exact).any() and np.abs(single - exact).max() < 1e-6


def test_noise_is_uniform_between_bounds_of_any_shape():
    low, high = np.array([-1.0, 0.0, 2.0])[:, None, None], np.array([1.0, 0.0, 5.0])[:, None, None]
    noise = hiding.uniform(np.zeros((3, 50, 40)), low, high, np.random.default_rng(1))
    np.testing.assert_allclose(noise.mean((1, 2)), [0.0, 0.0, 3.5], atol=0.06)
    np.testing.assert_allclose(noise.min((1, 2)), [-1.0, 0.0, 2.0], atol=0.01)
    np.testing.assert_allclose(noise.max((1, 2)), [1.0, 0.0, 5.0], atol=0.01)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32"])
def test_values_take_the_type_of_the_input_and_whole_ones_are_rounded(dtype):
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    got = hiding.like(np.array([0.6, 2.4]), x)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.array([1, 2] if x.dtype.kind in "iu" else [0.6, 2.4], dtype))
    assert hiding.mean(x, None).dtype == hiding.blur(x, 0, (1.0,)).dtype == hiding.number(x, 3, "").dtype == dtype


@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 0.5), ("uint8", 256), ("uint8", -1), ("float16", 1e6), ("float32", 1e60)]
)
def test_a_number_that_the_type_cannot_hold_is_refused(dtype, value):
    with pytest.raises(UsageError, match=f"holds {dtype}, which has no such number"):
        hiding.number(np.zeros(3, dtype), value, "a number")


@pytest.mark.parametrize("value", ["grey", None, np.nan, np.inf, [1.0], 10**400, True])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(UsageError, match="expected a word"):
        hiding.number(np.zeros(3), value, "a word")


def test_ids_are_not_mixed_and_pixels_of_8_bits_are():
    with pytest.raises(UsageError, match="value='mean' mixes values of the input, and int32 values, such as token ids"):
        hiding.check_mixable(np.zeros(3, np.int32), "value='mean'")
    hiding.check_mixable(np.zeros(3, np.uint8), "value='mean'")
    hiding.check_mixable(np.zeros(3), "value='mean'")


def test_the_columns_of_a_table_have_no_mean_and_no_blur():
    with pytest.raises(UsageError, match="a blur: the columns of a table have nothing in common"):
        hiding.check_places(np.zeros(3), "a blur")
    hiding.check_places(np.zeros((3, 1)), "a blur")
