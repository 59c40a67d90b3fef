"""Every function of the Namespace on the engine "cupy", against NumPy in float64."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from calls import ALONG, CALLS, POOLS, WINDOWS, around_zero, normal

from onnxplain.engines.namespace import Namespace
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.window import Window
from onnxplain.errors import UsageError

FUNCTIONS = sorted(name for name in vars(Namespace) if not name.startswith("_"))


def materialise(x):
    from onnxplain.engines.cupy.arrays import materialise

    return materialise(x)


@pytest.fixture
def xp():
    from onnxplain.engines.cupy.namespace import CupyNamespace

    return CupyNamespace()


def check(cupy, xp, function, *arrays, atol=1e-6):
    """The function says what NumPy says, in the dtype of the tape, and the same bits twice; its inputs stay."""
    given = [xp.const(each) for each in arrays]
    got, again = (materialise(function(xp, *given)) for _ in range(2))
    wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    with np.errstate(all="ignore"):
        wanted = np.asarray(function(NumpyNamespace("float64"), *wide))
    assert got.shape == wanted.shape
    assert got.dtype == (np.float32 if wanted.dtype.kind == "f" else wanted.dtype)
    np.testing.assert_allclose(cupy.asnumpy(got), wanted, rtol=1e-5, atol=atol)
    np.testing.assert_array_equal(cupy.asnumpy(got), cupy.asnumpy(again))
    for each, array in zip(given, arrays, strict=True):
        np.testing.assert_array_equal(cupy.asnumpy(materialise(each)), array)


def test_it_implements_the_namespace_and_no_more(xp):
    assert sorted(name for name in dir(xp) if not name.startswith("_") and name != "dtype") == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_have_the_same_names(xp, name):
    ours = getattr(xp, name)
    if not inspect.ismethod(ours):
        return  # a function of one element, called by position
    wanted = list(inspect.signature(getattr(Namespace, name)).parameters)[1:]
    assert list(inspect.signature(ours).parameters) == wanted


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_computes_what_numpy_computes(cupy, xp, name):
    check(cupy, xp, *CALLS[name])


@pytest.mark.parametrize("name", ALONG)
def test_maps_along_a_long_axis(cupy, xp, name):
    check(cupy, xp, *ALONG[name], atol=3e-5)


@pytest.mark.parametrize("name", WINDOWS)
def test_convolutions_and_their_adjoints(cupy, xp, name):
    size, kernel, attrs, group = WINDOWS[name]
    window = Window.resolve(size, kernel, attrs)
    x, w, g = normal(3, 4, *size), normal(8, 4 // group, *kernel, seed=1), normal(3, 8, *window.out, seed=2)
    check(cupy, xp, lambda f, x, w: f.conv(x, w, window, group), x, w, atol=1e-5)
    check(cupy, xp, lambda f, g, w, x: f.conv_adjoint(g, w, x, window, group), g, w, x, atol=1e-5)


TILED = {
    "many channels": ((6, 5), (3, 3), {"pads": [1, 1, 1, 1]}, 1, 18, 20),
    "strided": ((7, 6), (3, 2), {"strides": [2, 3], "pads": [1, 0, 0, 1]}, 1, 17, 70),
    "grouped": ((5, 4), (3, 1), {"dilations": [2, 1]}, 2, 32, 34),
    "1-D": ((9,), (3,), {"strides": [2]}, 1, 16, 16),
}


@pytest.mark.parametrize("name", TILED)
def test_convolutions_between_many_channels(cupy, xp, name):
    """Tiles, some of them with their sum in parts."""
    size, kernel, attrs, group, c, m = TILED[name]
    window = Window.resolve(size, kernel, attrs)
    x, w, g = normal(2, c, *size), normal(m, c // group, *kernel, seed=1), normal(2, m, *window.out, seed=2)
    check(cupy, xp, lambda f, x, w: f.conv(x, w, window, group), x, w, atol=3e-5)
    check(cupy, xp, lambda f, g, w, x: f.conv_adjoint(g, w, x, window, group), g, w, x, atol=3e-5)


def test_columns_go_in_chunks_that_fit_the_budget(cupy, xp, monkeypatch):
    from onnxplain.engines.cupy import convolution

    window = Window.resolve((6, 5), (3, 3), {"pads": [1, 1, 1, 1]})
    x, w, g = normal(5, 4, 6, 5), normal(8, 4, 3, 3, seed=1), normal(5, 8, 6, 5, seed=2)
    monkeypatch.setattr(convolution, "COLUMNS", 2 * 4 * 4 * 9 * 30)
    check(cupy, xp, lambda f, x, w: f.conv(x, w, window, 1), x, w, atol=1e-5)
    check(cupy, xp, lambda f, g, w, x: f.conv_adjoint(g, w, x, window, 1), g, w, x, atol=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (1, 2)])
@pytest.mark.parametrize("adjoint", [False, True])
def test_a_packed_weight_is_kept_as_long_as_the_weight(cupy, xp, kernel, stride, adjoint):
    """Also for a kernel of 1, of which some permutations are views."""
    from onnxplain.engines.cupy import convolution

    window, before = Window.resolve((4, 4), (kernel,) * 2, {"strides": [stride] * 2}), len(convolution._packed)
    x, w, g = (xp.const(normal(*shape)) for shape in ((1, 16, 4, 4), (16, 16, kernel, kernel), (1, 16, *window.out)))
    for _ in range(2):
        xp.conv_adjoint(g, w, x, window, 1) if adjoint else xp.conv(x, w, window, 1)
        assert len(convolution._packed) == before + 1
    del w
    assert len(convolution._packed) == before


def test_positions_lie_beyond_the_range_of_their_indices(cupy):
    from onnxplain.engines.cupy import scatter

    n, indices = 2**17, [np.array([-1, 70000], np.int32), np.array([3, -1], np.int16)]
    found = cupy.asnumpy(scatter.positions([cupy.asarray(each) for each in indices], (n, n)))
    np.testing.assert_array_equal(found, [(n - 1) * n + 3, 70000 * n + n - 1])


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("values", ["distinct", "tied"])
def test_winners_of_pools(cupy, xp, name, values):
    """The first of equal maxima wins, also where all are equal; overlaps add up."""
    size, kernel, attrs = POOLS[name]
    window = Window.resolve(size, kernel, attrs)
    x, g = normal(3, 2, *size), normal(3, 2, *window.out, seed=1)
    x = np.maximum(np.round(x), 0) if values == "tied" else x
    check(cupy, xp, lambda f, g, x: f.scatter(g, x, f.pool_winners(x, window)), g, x)


def test_the_window_of_winners_is_known_as_long_as_they_live(xp):
    """Then their scatter gathers from the windows, and sorts nothing."""
    winners = xp.pool_winners(xp.const(normal(1, 1, 4, 4)), Window.resolve((4, 4), (2, 2), {}))
    assert id(winners) in xp._windows
    del winners
    assert not xp._windows


@pytest.mark.parametrize("axes", [[1], [2, 3], [1, 3], [3], [0, 1, 2, 3]])
def test_reductions_over_axes_of_all_kinds(cupy, xp, axes):
    x = np.round(normal(4, 3, 4, 5))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    check(cupy, xp, lambda f, g, x: f.scatter(g, x, f.reduce_winners(x, axes)), normal(*kept), x)
    check(cupy, xp, lambda f, x: f.sum(x, axes), x)
    check(cupy, xp, lambda f, x: f.sum(f.transpose(x, (2, 0, 3, 1)), axes), x)
    check(cupy, xp, lambda f, g, x: f.sum(f.broadcast_like(g, x), axes), normal(*kept), x)


def test_reductions_over_many_separate_axes(cupy, xp):
    """A kernel knows three kept and three reduced axes."""
    check(cupy, xp, lambda f, x: f.sum(x, [0, 2, 4, 6]), normal(2, 3, 2, 3, 2, 3, 2, 3))
    with pytest.raises(UsageError, match="groups of axes"):
        xp.reduce_winners(xp.const(normal(2, 3, 2, 3, 2, 3, 2, 3)), [0, 2, 4, 6])


PRODUCTS = {
    "two matrices": (normal(3, 4), normal(4, 5)),
    "a row": (normal(4), normal(2, 4, 5)),
    "a column": (normal(2, 3, 4), normal(4)),
    "one for all": (normal(6, 2, 3, 4), normal(4, 5)),
    "all by one": (normal(3, 4), normal(6, 2, 4, 5)),
    "across": (normal(2, 1, 3, 4), normal(1, 5, 4, 2)),
    "groups": (normal(1, 3, 2, 4), normal(5, 3, 4, 2)),
    "thin": (normal(2, 1, 4), normal(2, 4, 1)),
    "thinner": (normal(2, 3, 1), normal(2, 1, 3)),
    "none": (normal(0, 3, 4), normal(0, 4, 2)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_matrices_as_they_lie_in_memory(cupy, xp, name):
    """Repeated operands, and transposed ones, which have the same product as the untransposed."""
    a, b = PRODUCTS[name]
    check(cupy, xp, lambda f, a, b: f.matmul(a, b), a, b, atol=1e-5)
    if min(a.ndim, b.ndim) > 1:
        swap = [(*range(each.ndim - 2), each.ndim - 1, each.ndim - 2) for each in (a, b)]
        turned = [np.ascontiguousarray(each.transpose(order)) for each, order in zip((a, b), swap, strict=True)]
        check(cupy, xp, lambda f, a, b: f.matmul(f.transpose(a, swap[0]), f.transpose(b, swap[1])), *turned, atol=1e-5)


def test_products_of_repeated_rows_and_columns(cupy, xp):
    """A broadcast axis has a step of 0, which no matrix of cuBLAS has."""
    row, column, x = normal(1, 4), normal(4, 1), normal(4, 4)
    check(cupy, xp, lambda f, row, x: f.matmul(f.broadcast_like(row, x), x), row, x, atol=1e-5)
    check(cupy, xp, lambda f, column, x: f.matmul(x, f.broadcast_like(column, x)), column, x, atol=1e-5)


def test_indices_that_meet_add_up_in_their_order(cupy, xp):
    """A sum depends on its order: that of the indices, as in a loop in double."""
    g, x = normal(500), normal(3)
    keys = np.random.default_rng(4).integers(-3, 3, 500)
    wanted = np.zeros(3)
    for value, key in zip(g, keys, strict=True):
        wanted[key] += value
    got = xp.untake(xp.const(g), xp.const(x), keys, 0)
    np.testing.assert_array_equal(cupy.asnumpy(materialise(got)), wanted.astype("f"))


def test_arrays_of_numpy_are_constants_and_arrays_stay(cupy, xp):
    x = xp.const(np.arange(3.0))
    assert isinstance(materialise(x), cupy.ndarray) and materialise(x).dtype == np.float32
    assert xp.const(x) is x
    assert materialise(xp.const(np.arange(3))).dtype == np.int64
    assert materialise(xp.const([True, False])).dtype == np.bool_


def test_numbers_of_either_sign_and_zeros(cupy, xp):
    """-0 counts as positive for the stabiliser; a zero denominator gives zero."""
    check(cupy, xp, lambda f, r, z: f.ratio(r, f.sum(z, [1]), 0.0), normal(7, 5), around_zero(7, 5))
    check(cupy, xp, lambda f, c: f.where(c > 0, 1.0, f.sum(c, [0])), around_zero(4, 3))


def test_a_window_over_four_axes_is_refused(xp):
    window = Window.resolve((2,) * 4, (1,) * 4, {"strides": [2] * 4})
    with pytest.raises(UsageError, match='use engine="numpy"'):
        xp.pool_winners(xp.const(normal(1, 1, 2, 2, 2, 2)), window)
