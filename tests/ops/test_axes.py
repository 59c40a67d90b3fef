"""Maps along one axis, against dense matrices and NumPy; the transposes, too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.ops import axes

XP = NumpyNamespace("float64")
FEW = settings(max_examples=60, deadline=None)


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


@FEW
@given(st.integers(1, 40), st.integers(0, 90), st.integers(0, 90), st.sampled_from(["reflect", "edge", "wrap"]))
def test_copies_add_up(size, before, behind, mode):
    """Against the matrix of the copies, one row for each; pads longer than the axis go to and fro."""
    indices = np.pad(np.arange(size), (before, behind), mode)
    g = normal(2, len(indices), 3)
    dense = (indices[:, None] == np.arange(size)).astype(float)
    np.testing.assert_allclose(
        axes.uncopied(XP, g, indices, 1, size), np.einsum("is,nic->nsc", dense, g), rtol=1e-12, atol=1e-12
    )


@FEW
@given(st.integers(1, 300), st.booleans(), st.booleans(), st.integers(0, 2))
def test_running_sums(size, exclusive, reverse, axis):
    x = np.moveaxis(normal(2, 3, size), 2, axis)
    forward = np.flip(x, axis) if reverse else x
    sums = np.cumsum(forward, axis) - (forward if exclusive else 0)
    wanted = np.flip(sums, axis) if reverse else sums
    got = axes.running(XP, x, axis, exclusive=exclusive, reverse=reverse)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_taps_and_their_transpose(axis):
    """Against the matrix; <A x, g> = <x, A^T g>."""
    rng = np.random.default_rng(1)
    taps, weights = rng.integers(0, 9, (20, 3)), rng.normal(size=(20, 3))
    matrix = np.zeros((20, 9))
    np.add.at(matrix, (np.arange(20)[:, None], taps), weights)
    x, g = (np.moveaxis(normal(2, 4, n), 2, axis) for n in (9, 20))
    y = axes.tapped(XP, x, taps, weights, axis)
    np.testing.assert_allclose(y, np.moveaxis(np.moveaxis(x, axis, 2) @ matrix.T, 2, axis), atol=1e-12)
    back = axes.tapped_adjoint(XP, g, taps, weights, axis, 9)
    np.testing.assert_allclose((y * g).sum(), (x * back).sum(), rtol=1e-12)


def test_a_long_axis_takes_no_memory_of_its_square():
    """A matrix of this axis would have a million million elements."""
    n = 10**6
    g = np.ones((1, n + 400))
    pad = axes.uncopied(XP, g, np.pad(np.arange(n), 200, "reflect"), 1, n)
    np.testing.assert_array_equal(pad[0, [0, 1, 200, 201, n - 1]], [1, 2, 2, 1, 1])
    assert axes.running(XP, g, 1, exclusive=False, reverse=False)[0, -1] == n + 400
