"""Functions of one element, and chains of them in one pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from kernels.checks import check_chain, check_ratio
from kernels.launch import Chain, needs_compiler, normal

pytestmark = needs_compiler
N = 5000  # more than the largest grid of these tests computes at a time
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
ANY = np.concatenate([np.linspace(-7, 7, N - 9), [0.0, -0.0, 1e-30, -1e-30, 1e3, -1e3, np.inf, -np.inf, np.nan]])
POSITIVE = abs(ANY)
BOUNDED = np.clip(ANY, -7, 7)
ONE = {
    "abs": (np.abs, ANY), "exp": (np.exp, ANY), "log": (np.log, POSITIVE), "sqrt": (np.sqrt, POSITIVE),
    "sin": (np.sin, BOUNDED), "cos": (np.cos, BOUNDED), "sinh": (np.sinh, BOUNDED), "cosh": (np.cosh, BOUNDED),
    "tanh": (np.tanh, ANY), "sign": (np.sign, ANY), "erf": (np.vectorize(math.erf), ANY),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x.astype("g"))), ANY),
}  # fmt: skip


@dtypes
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name, dtype):
    """In units of the last place of a result; near a zero of a function, of its argument."""
    function, x = ONE[name]
    x = x.astype(dtype)
    with np.errstate(all="ignore"):
        wanted = function(x.astype("g" if name != "erf" else "d")).astype("d")
        wanted = np.where(abs(wanted) > np.finfo(dtype).max, np.sign(wanted) * np.inf, wanted)
    check_chain(Chain(f"xp::{name}(r.a0)", x), wanted, dtype, epsilons=4)


@dtypes
@pytest.mark.parametrize(("name", "function"), [("maximum", np.maximum), ("minimum", np.minimum)])
def test_the_larger_and_the_smaller(name, function, dtype):
    """A NaN on either side is the answer."""
    x, y = ANY.astype(dtype), np.roll(ANY, 5).astype(dtype)
    check_chain(Chain(f"xp::{name}(r.a0, r.a1)", x, y), function(x, y), dtype)


@dtypes
def test_powers(dtype):
    x, p = abs(normal(N, dtype=dtype)), normal(N, seed=1, dtype=dtype)
    wanted = np.power(x.astype("g"), p.astype("g")).astype("d")
    check_chain(Chain("xp::pow(r.a0, r.a1)", x, p), wanted, dtype, epsilons=8)


@dtypes
def test_what_is_finite(dtype):
    check_chain(Chain("xp::isfinite(r.a0)", ANY.astype(dtype), result="bool"), np.isfinite(ANY), dtype)


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
    wanted = np.array([s if n else float(a) / float(b) for a, b, n, s in zip(dy, dx, near, slope, strict=True)])
    check_chain(Chain("xp::quotient(r.a0, r.a1, r.a2, r.a3)", dy, dx, near, slope), wanted, dtype)


@dtypes
def test_where(dtype):
    x, y = normal(N, dtype=dtype), normal(N, seed=1, dtype=dtype)
    check_chain(
        Chain("xp::where(r.a0 > r.a1, r.a0, e.n[0])", x, y, numbers=(0.1,)),
        np.where(x > y, x, y.dtype.type(0.1)),
        dtype,
    )


@dtypes
@pytest.mark.parametrize("index", ["int", "int64"])
def test_the_gate_of_a_channel(index, dtype):
    """The example in expression.cuh: one of its operands is broadcast."""
    g, y = normal(6, 5, 40, dtype=dtype), normal(5, 1, seed=1, dtype=dtype)
    chain = Chain(
        "r.a0 * (r.a1 > T(0))", g.ravel(), y.ravel(), spread=((6, 5, 40), ((0, 1, 0),)), through=(1,), index=index
    )
    check_chain(chain, (g * (y > 0)).ravel(), dtype)


def test_operands_that_lie_in_another_order():
    """A transposed array, and one that is read backward: the first element is not the first in memory."""
    x, y = normal(7, 6, 5), normal(7, 5, 6, seed=1)
    chain = Chain("r.a0 - r.a1", x, y, spread=((7, 6, 5), ((30, 5, 1), (30, 1, 6))), through=(0, 1))
    check_chain(chain, (x - y.transpose(0, 2, 1)).ravel())


@pytest.mark.parametrize("n", [1, 3, 255, 257, 768, 769, 3071, 3073])
def test_any_number_of_elements(n):
    check_chain(Chain("r.a0 + T(1)", normal(n)), normal(n) + np.float32(1))


def test_a_product_is_rounded_before_it_is_added():
    """What NumPy says; a fused multiplication and addition leaves the rounding of the product.

    The CPU has no such function: what says that no GPU uses it is the test of the options.
    """
    x, y = normal(N), normal(N, seed=1)
    check_chain(Chain("r.a0 * r.a1 - T(r.a0 * r.a1)", x, y), np.zeros(N))
