"""What stands in for the parts of an input that are taken away."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import linear
from nets import DIGITS, digits, network, node

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.fill import check_fill, fill


def of(data, kind, i=0):
    return fill(kind, data, i, data.rng(i))


def test_noise_is_in_the_range_of_the_input():
    model, x, _ = linear()
    noise = of(EvaluationSet.of(model, x, 0, 0.0, 0), "uniform", 1)
    assert x[1].min() <= noise.min() < -0.5 and 1.5 < noise.max() <= x[1].max()
    assert noise.dtype == x.dtype


def test_each_row_meets_noise_of_its_own_and_all_methods_the_same():
    model, x, _ = linear()
    data = EvaluationSet.of(model, np.repeat(x[:1], 2, 0), 0, 0.0, 0)
    assert (of(data, "uniform", 0) != of(data, "uniform", 1)).mean() > 0.9
    np.testing.assert_array_equal(of(data, "uniform", 1), of(data, "uniform", 1))


def test_noise_is_in_the_range_of_the_preprocessing():
    data = EvaluationSet.of(digits(), DIGITS[0], None, 0.0, 0)
    low, high = (float(each.item()) for each in data.bounds(0))
    noise = of(data, "uniform")
    assert low <= noise.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < noise.max() <= high
    assert np.rint(data.model.preprocess.undo(np.array(low).reshape(1, 1, 1))).min() == 0


def test_a_blur_keeps_the_mean_and_little_else():
    gaussian_filter = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed").gaussian_filter
    data = EvaluationSet.of(digits(), DIGITS[0], None, 0.0, 0)
    x, blurred = data.batch.x[0], of(data, "blur")
    assert blurred.dtype == x.dtype
    np.testing.assert_allclose(blurred[0], gaussian_filter(x[0], 10 * 16 / 224), rtol=1e-4, atol=1e-5)


def test_the_baseline_is_the_given_one():
    model, x, _ = linear()
    assert (of(EvaluationSet.of(model, x, 0, 0.25, 0), "baseline") == 0.25).all()
    np.testing.assert_array_equal(of(EvaluationSet.of(model, x, 0, x[2], 0), "baseline", 1), x[2])


def test_a_table_has_no_blur():
    table = network([node("Gemm", "x w", "y")], (2, 4), {"w": np.eye(4, dtype="f")})
    with pytest.raises(UsageError, match="nothing in common"):
        of(EvaluationSet.of(ox.load(table), np.ones((2, 4), "f"), 0, 0.0, 0), "blur")


def test_another_kind_is_refused():
    with pytest.raises(UsageError, match="fill='grey'"):
        check_fill("fill", "grey")
