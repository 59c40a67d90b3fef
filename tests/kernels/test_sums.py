"""Sums over axes: any order of kept and reduced axes in memory, and double accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels.checks import check_reduce_sum
from kernels.launch import needs_compiler, normal

pytestmark = needs_compiler
LANES = [2**k for k in range(9)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=6, max_size=6),
    st.permutations([True] * 3 + [False] * 3),
    st.sampled_from(LANES),
    st.sampled_from(["float32", "float64"]),
)
def test_any_axes(shape, reduced, lanes, dtype):
    """Three axes of a kind, in any order."""
    shape[5] = min(shape[5], 3)  # an example stays small
    check_reduce_sum(normal(*shape, dtype=dtype), np.flatnonzero(reduced), lanes)


@pytest.mark.parametrize("lanes", [1, 8, 256])
def test_a_strided_array(lanes):
    x = np.arange(5 * 6 * 7, dtype="f").reshape(5, 6, 7)
    x[...] = normal(5, 6, 7)
    check_reduce_sum(x.transpose(2, 0, 1), (1,), lanes)


@pytest.mark.parametrize("lanes", [1, 32, 256])
def test_a_broadcast_array(lanes):
    check_reduce_sum(np.broadcast_to(normal(7), (300, 7)), (0,), lanes)


@pytest.mark.parametrize("lanes", LANES)
def test_a_long_sum_that_cancels(lanes):
    """In float32, an order of one would lose all digits: large terms, and small ones that remain."""
    x = np.tile(np.array([1e7, 0.25, -1e7, 0.125], "f"), 2000)
    check_reduce_sum(x[None], (1,), lanes)


def test_the_parts_of_a_tiled_convolution():
    check_reduce_sum(normal(6, 2, 5, 49), (0,), 4)
