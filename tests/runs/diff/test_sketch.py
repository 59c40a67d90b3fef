"""Statistics of a stream: mean and extremes are those of NumPy, quantiles as near as they are said to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from onnxplain.runs.diff.sketch import ACCURACY, QUANTILES, Sketch


def sketched(values):
    sketch = Sketch()
    for each in values:
        sketch.add(float(each))
    return sketch


@pytest.mark.parametrize("kind", ["correlations", "distances", "changes"])
def test_quantiles_are_as_near_as_they_are_said_to_be(kind):
    rng = np.random.default_rng(5)
    values = {
        "correlations": 1 - rng.beta(1, 30, 4001),
        "distances": rng.lognormal(0, 3, 4001),
        "changes": rng.standard_normal(4001) * 10.0 ** rng.integers(-9, 9, 4001),
    }[kind]
    sketch = sketched(values)
    for q in (0, *QUANTILES.values(), 1):
        exact = np.quantile(values, q, method="lower")
        assert sketch.quantile(q) == pytest.approx(exact, rel=ACCURACY * 1.001)
    assert (sketch.count, sketch.least, sketch.most) == (4001, values.min(), values.max())
    assert sketch.mean == pytest.approx(math.fsum(values) / 4001, rel=1e-14)


@pytest.mark.parametrize("value", [1.0, 0.0, -0.3, math.inf])
def test_equal_numbers_have_exactly_their_statistics(value):
    found = sketched([value] * 1000).summary()
    assert found.pop("mean") == pytest.approx(value, rel=1e-15)
    assert set(found.values()) == {value}


def test_memory_does_not_grow_with_the_stream():
    few, many = (sketched(np.random.default_rng(1).uniform(0.9, 1, n)) for n in (20_000, 60_000))
    assert len(many._buckets) <= 528 >= len(few._buckets)  # ln(1 / 0.9) over the logarithm of the factor


def test_nothing_has_no_statistics():
    assert math.isnan(Sketch().mean) and math.isnan(Sketch().quantile(0.5))


def test_an_infinite_number_is_the_largest():
    sketch = sketched([1.0, math.inf, 2.0])
    assert sketch.mean == sketch.most == sketch.quantile(1) == math.inf
    assert sketch.quantile(0.5) == pytest.approx(2, rel=ACCURACY)
