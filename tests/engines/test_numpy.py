"""The NumPy engine: every function of the Namespace, its adjoint pairs, and the dtype of the tape."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxplain.engines.namespace import Namespace
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.window import Window

FUNCTIONS = sorted(name for name in vars(Namespace) if not name.startswith("_"))
xp = NumpyNamespace("float64")


def normal(*shape, seed=0, dtype="float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def inner(a, b):
    return float((a * b).sum())


def test_it_implements_the_namespace_and_no_more():
    assert sorted(name for name in dir(NumpyNamespace) if not name.startswith("_")) == FUNCTIONS
    assert len(FUNCTIONS) <= 43, "the namespace is meant to stay small"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_have_the_same_names(name):
    ours = getattr(NumpyNamespace(), name)
    if not inspect.isroutine(ours) or not hasattr(ours, "__self__"):
        return  # NumPy's own function, called by position
    wanted = list(inspect.signature(getattr(Namespace, name)).parameters)[1:]
    assert list(inspect.signature(ours).parameters) == wanted


def window():
    return Window.resolve((5, 6), (2, 3), {"strides": [2, 1], "pads": [1, 0, 0, 2]})


# name -> result in float32, from float32
CALLS = {
    "const": lambda f, _: f.const(np.ones(3)) + f.const(0.5),
    "where": lambda f, x: f.where(x > 0, 1.0, 0.0),
    "sigmoid": lambda f, x: f.sigmoid(x),
    "pow": lambda f, x: f.pow(f.abs(x), 0.3),
    "maximum": lambda f, x: f.maximum(x, 0.0),
    "minimum": lambda f, x: f.minimum(x, 0.0),
    "sum": lambda f, x: f.sum(x, [1]),
    "ones_like": lambda f, x: f.ones_like(x),
    "unpick": lambda f, x: f.unpick(x[1:], x, [slice(1, None), slice(None)]),
    "untake": lambda f, x: f.untake(x, x, [0, 0, 1], 0),
    "scatter": lambda f, x: f.scatter(x, x, np.zeros(x.shape, int)),
    "scatter_elements": lambda f, x: f.scatter_elements(x, x, np.zeros(x.shape, int), 0),
    "scatter_nd": lambda f, x: f.scatter_nd(x, x, np.zeros((3, 1), int)),
    "ratio": lambda f, x: f.ratio(x, x, 1e-6),
    "quotient": lambda f, x: f.quotient(x, x, f.abs(x) < 0.1, f.ones_like(x)),
    "einsum": lambda f, x: f.einsum("ij,kj->ik", x, x),
    "matmul": lambda f, x: f.matmul(x, f.transpose(x, (1, 0))),
    "conv": lambda f, _: f.conv(f.ones_like(np.ones((1, 1, 5, 6))), f.ones_like(np.ones((1, 1, 2, 3))), window(), 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_float32_stays_float32(name):
    assert CALLS[name](NumpyNamespace("float32"), normal(3, 4, dtype="float32")).dtype == np.float32


def test_const_leaves_integers_and_arrays():
    assert xp.const([1, 2]).dtype.kind == "i"
    x = normal(3)
    assert xp.const(x) is x


def test_sigmoid_does_not_overflow():
    np.testing.assert_array_equal(xp.sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])


def test_ratio_counts_zero_as_positive_and_gives_zero_for_no_denominator():
    r, z = np.array([1.0, 1.0, 1.0]), np.array([0.0, -0.5, 2.0])
    np.testing.assert_array_equal(xp.ratio(r, z, 0.5), [2, -1, 0.4])
    np.testing.assert_array_equal(xp.ratio(r, z, 0.0), [0, -2, 0.5])


def test_quotient():
    dy, dx = np.array([1.0, 3.0]), np.array([0.0, 2.0])
    np.testing.assert_array_equal(xp.quotient(dy, dx, dx == 0, np.array([7.0, 7.0])), [7, 1.5])


@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 1), (), (2, 1, 4), (2, 3, 4)])
def test_unbroadcast_is_the_adjoint_of_broadcast_like(shape):
    x, g = normal(*shape), normal(2, 3, 4, seed=1)
    back = xp.unbroadcast(g, x)
    assert back.shape == x.shape
    assert inner(xp.broadcast_like(x, g), g) == pytest.approx(inner(x, back))


KEYS = st.tuples(*[st.builds(slice, st.integers(0, 2), st.integers(3, 5), st.integers(1, 3))] * 2)


@settings(deadline=None)
@given(KEYS)
def test_unpick_is_the_adjoint_of_pick(keys):
    x = normal(5, 5)
    g = normal(*xp.pick(x, keys).shape, seed=1)
    assert inner(xp.pick(x, keys), g) == pytest.approx(inner(x, xp.unpick(g, x, keys)))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("indices", [1, [0, -1, 0], [[0, 1], [1, 1]]])
def test_untake_is_the_adjoint_of_take(axis, indices):
    x = normal(3, 4, 2)
    y = xp.take(x, indices, axis)
    g = normal(*y.shape, seed=1)
    assert inner(y, g) == pytest.approx(inner(x, xp.untake(g, x, indices, axis)))


def test_scatter_adds_up_and_returns_to_the_winners():
    x, positions = normal(3, 4), np.array([0, 5, 5, 11])
    g = normal(4, seed=1)
    assert inner(x.ravel()[positions], g) == pytest.approx(inner(x, xp.scatter(g, x, positions)))


@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_elements_is_the_adjoint_of_take_along_axis(axis):
    x, indices = normal(3, 3), np.array([[0, -1, 0], [2, 2, 2]])
    indices = indices if axis == 0 else indices.T
    g = normal(*indices.shape, seed=1)
    y = np.take_along_axis(x, indices, axis)
    assert inner(y, g) == pytest.approx(inner(x, xp.scatter_elements(g, x, indices, axis)))


def test_scatter_nd_is_the_adjoint_of_indexing():
    x, indices = normal(3, 4, 2), np.array([[0, 1], [2, -1], [0, 1]])
    g = normal(3, 2, seed=1)
    assert inner(x[indices[:, 0], indices[:, 1]], g) == pytest.approx(inner(x, xp.scatter_nd(g, x, indices)))


def test_winners_of_a_padded_window_and_of_a_reduction():
    x = np.array([[[3.0, 3.0, -1.0]]])
    window = Window.resolve((3,), (2,), {"pads": [1, 1]})
    np.testing.assert_array_equal(xp.pool_winners(x, window), [[[0, 0, 1, 2]]])
    np.testing.assert_array_equal(xp.reduce_winners(x, [2]), [[[0]]])
    np.testing.assert_array_equal(xp.pool_winners(np.full((1, 1, 3), -np.inf), window), [[[0, 0, 1, 2]]])


def test_nothing_is_written_in_place():
    x = normal(3, 4)
    before = x.copy()
    for call in CALLS.values():
        call(xp, x)
    np.testing.assert_array_equal(x, before)
