"""The kernels of one element each."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.checks import check_error_function, check_quotient, check_ratio, check_sigmoid, check_where
from kernels.launch import needs_compiler, normal

pytestmark = needs_compiler
N = 2000  # more than the largest grid of these tests has threads
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@dtypes
@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.5])
def test_ratio(eps, dtype):
    z = normal(N, seed=1, dtype=dtype)
    z[:4] = 0.0, -0.0, -eps, eps
    check_ratio(normal(N, dtype=dtype), z, eps)


@dtypes
def test_quotient(dtype):
    dy, dx, slope = (normal(N, seed=seed, dtype=dtype) for seed in range(3))
    near = abs(dx) < 0.5
    dx[near] = 0
    check_quotient(dy, dx, near, slope)


@dtypes
def test_where(dtype):
    x, y = normal(N, dtype=dtype), normal(N, seed=1, dtype=dtype)
    for sides in ((x, y), (1.0, 0.0), (x, 0.0), (0.1, y)):
        check_where(x > 0, *sides, dtype=dtype)


@dtypes
def test_sigmoid(dtype):
    x = np.concatenate([np.linspace(-80, 80, N - 6), [0.0, -0.0, -1e3, 1e3, -np.inf, np.inf]]).astype(dtype)
    check_sigmoid(x)


@dtypes
def test_error_function(dtype):
    check_error_function(np.concatenate([np.linspace(-7, 7, N - 3), [0.0, -np.inf, np.inf]]).astype(dtype))
