"""The traced engine: every function of the Namespace, traced, run by onnxruntime, against NumPy in float64.

Each is traced once with the number of rows as a symbol, and the one model is run with 1, 3 and 7 rows.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from calls import ALONG, CALLS, IMAGE, OVERLAP, POOLS, WINDOWS, X, around_zero, normal
from engines.tracing import check, trace

from onnxplain.engines.namespace import Namespace
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows
from onnxplain.engines.onnxruntime.traced import Emitter
from onnxplain.engines.window import Window

FUNCTIONS = sorted(name for name in vars(Namespace) if not name.startswith("_"))


def test_it_implements_the_namespace_and_no_more():
    assert sorted(name for name in dir(TracedNamespace) if not name.startswith("_")) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_have_the_same_names(name):
    wanted = list(inspect.signature(getattr(Namespace, name)).parameters)[1:]
    assert list(inspect.signature(getattr(TracedNamespace(Emitter("x")), name)).parameters) == wanted


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_computes_what_numpy_computes(name):
    check(*CALLS[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_computes_the_same_between_transposes(name):
    """onnxruntime moves a Transpose past the nodes behind it, and has to reorder what they say of axes."""
    function, *arrays = CALLS[name]

    def between(f, *arrays):
        return turned(f, function(f, *(turned(f, each) for each in arrays)))

    check(between, *(each.transpose(order(each)).copy() for each in arrays))


def order(x):
    """All axes in the opposite order, but for the rows, which stay the first."""
    return [0, *range(1, x.ndim)[::-1]]


def turned(f, x):
    return f.transpose(x, order(x)) if x.ndim > 2 else x


@pytest.mark.parametrize("name", ALONG)
def test_maps_along_a_long_axis(name):
    check(*ALONG[name], atol=3e-5)


INDICES = np.array([3, 0, 3, -1])
MEET = {
    "untake": lambda f, g, x: f.untake(g, x, INDICES, 1),
    "untake, of a constant": lambda f, g, x: f.untake(g, x, f.const(INDICES), 1),
    "scatter_nd": lambda f, g, x: f.scatter_nd(
        f.transpose(g, (1, 0, 2)), f.transpose(x, (1, 0, 2)), f.const(INDICES[:, None])
    ),
    "apart": lambda f, g, x: f.untake(g, x, np.array([3, 0, 2, 1]), 1),
}


@pytest.mark.parametrize("name", MEET)
def test_what_meets_is_never_left_to_an_operator_that_threads_share(name):
    """onnxruntime's ScatterND loses sums where its threads meet; ScatterElements runs in one."""
    arrays = normal(7, 4, 2), normal(7, 4, 2)
    ops = [node.op_type for node in trace(MEET[name], *arrays)[0].graph.node]
    assert ("ScatterND" in ops) is (name == "apart") and ("ScatterElements" in ops) is (name != "apart")
    check(MEET[name], *arrays)


OPERATORS = {
    "numbers on either side": lambda _, x: 1 - 2 * x / 3 + 1 / (x * x + 1) - (-x) - np.float64(2) * x,
    "absolute": lambda _, x: abs(x - 1),
    "steps at zero": lambda f, x: f.where(x > 0, 1.0, 0.0) + 2 * f.where(x >= 0, 1.0, 0.0),
    "steps down at zero": lambda f, x: f.where(x < 0, 1.0, 0.0) + 2 * f.where(x <= 0, 1.0, 0.0),
    "steps elsewhere": lambda f, x: f.where((x > -0.7) & (x < 1.1), 1.0, 0.0),
    "steps at the numbers themselves": lambda f, x: f.where((x > 0.5) & (x < 2.25), 1.0, 0.0),
    "steps at infinity": lambda f, x: f.where((x > -np.inf) & (x < np.inf), 1.0, 0.0) * x,
    "not at a step": lambda f, x: f.where(x >= 0.5, 1.0, 0.0) + f.where(x == 0.5, 1.0, 0.0),
    "gated": lambda f, x: f.where(x > 0, x * x, 0.0) + f.where(x < 0.5, 3.0, 0.0),
    "zeros": lambda f, x: x * f.where(x == x, 0.0, 0.0) + x - f.where(x != x, 1.0, 0.0) * x,  # noqa: PLR0124
    "less than nothing": lambda f, x: f.where(x == x, 0.0, 0.0) - x,  # noqa: PLR0124
    "zeros of a larger shape": lambda f, x: f.sum(f.where(x == x, 0.0, 0.0) + f.sum(x, [1]), [1]),  # noqa: PLR0124
    "steps of a negative multiple": lambda f, x: f.where(-2.0 * x > 0, 1.0, 0.0) + 2 * f.where(x * -0.5 >= 0, 1.0, 0.0),
    "one step or the other": lambda f, x: f.where((x > 0.5) | (x < -0.5), 1.0, 0.0) + f.where((x > 1) | (x < 0), x, 0),
    "quotients": lambda f, x: f.exp(x) * (1 / (x * x + 1)) + (1 / f.exp(x)) * f.sum(x, [1]),
    "common factors": lambda f, x: x * f.exp(x) + f.sin(x) * x,
    "own share": lambda f, x: f.ratio(x * f.exp(x), x, 0.1) + f.ratio(f.exp(x) * x, x, 0.0),
    "share of a ReLU": lambda f, x: f.ratio(f.maximum(x, 0) * f.exp(x), x, 0.1) + f.ratio(f.maximum(x, 0) * x, x, 0.0),
    "no negative part": lambda f, x: f.minimum(f.maximum(x, 0), 0) + x,
    "stabilised where nothing is negative": lambda f, x: f.ratio(x, f.maximum(x, 0), 0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_what_algebra_and_gates_simplify_stays_the_same(name):
    x = around_zero(7, 5, 4)
    x[:, 0, 0], x[:, 1, 1] = 0.5, np.nextafter(np.float32(0.5), np.float32(1))
    x[:, 2, 2], x[:, 3, 3] = 2.25, np.nextafter(np.float32(2.25), np.float32(0))
    check(OPERATORS[name], x)


@pytest.mark.parametrize("name", WINDOWS)
def test_convolutions_and_their_adjoints(name):
    size, kernel, attrs, group = WINDOWS[name]
    window = Window.resolve(size, kernel, attrs)
    x, w = normal(7, 4, *size), normal(8, 4 // group, *kernel, seed=1)
    check(lambda f, x, w: f.conv(x, w, window, group), x, w, atol=1e-5)
    g = normal(7, 8, *window.out, seed=2)
    check(lambda f, g, w, x: f.conv_adjoint(g, w, x, window, group), g, w, x, atol=1e-5)


def test_the_adjoint_of_a_strided_convolution_of_many_channels():
    """With 8 channels or more the result goes back to the blocked layout."""
    window = Window.resolve((8, 7), (3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]})
    g, w, x = normal(7, 5, *window.out), normal(5, 16, 3, 3), normal(7, 16, 8, 7)
    check(lambda f, g, w, x: f.conv_adjoint(g, w, x, window, 1), g, w, x, atol=1e-5)


STRIDED = {
    "same": ((9, 8), (3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "a remainder": ((9, 8), (2, 3), {"strides": [3, 2], "pads": [0, 1, 0, 0]}),
    "one axis": ((9, 8), (3, 3), {"strides": [1, 2]}),
    "dilated": ((9, 8), (2, 2), {"strides": [2, 2], "dilations": [3, 2]}),
    "gaps": ((9, 8), (1, 1), {"strides": [3, 2]}),
    "1-D": ((9,), (3,), {"strides": [2], "pads": [2, 0]}),
    "3-D": ((5, 4, 6), (2, 3, 2), {"strides": [1, 2, 3]}),
}


@pytest.mark.parametrize("name", STRIDED)
def test_the_adjoint_of_a_strided_convolution_of_each_channel_by_itself(name):
    """It is made without groups in a ConvTranspose, where onnxruntime is slow."""
    size, kernel, attrs = STRIDED[name]
    window = Window.resolve(size, kernel, attrs)
    g, w, x = normal(7, 8, *window.out), normal(8, 1, *kernel, seed=1), normal(7, 8, *size)

    def adjoint(f, g, w, x):
        return f.conv_adjoint(g, w, x, window, 8)

    model, _ = trace(adjoint, g, w, x)
    strided = next(each for each in model.graph.node if each.op_type == "ConvTranspose")
    assert "group" not in {attribute.name for attribute in strided.attribute}
    check(adjoint, g, w, x, atol=1e-5)


def test_a_mean_goes_back_to_every_pixel():
    check(lambda f, g, x: f.broadcast_like(g, x), normal(7, 16, 1, 1), normal(7, 16, 5, 3))


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("values", ["distinct", "tied"])
def test_winners_of_pools(name, values):
    """The first of equal maxima wins, also where all are equal; overlaps add up."""
    size, kernel, attrs = POOLS[name]
    window = Window.resolve(size, kernel, attrs)
    x = normal(7, 3, *size)
    x = np.maximum(np.round(x), 0) if values == "tied" else x
    g = normal(7, 3, *window.out, seed=1)
    check(lambda f, g, x: f.scatter(g, x, f.pool_winners(x, window)), g, x)


def test_winners_over_axes_of_all_kinds():
    x = np.round(normal(7, 3, 4, 5))
    for axes in ([1], [2, 3], [1, 3], [3]):
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        check(lambda f, g, x, axes=axes: f.scatter(g, x, f.reduce_winners(x, axes)), normal(*kept), x)


def test_what_was_transposed_is_not_written_twice():
    """A product with a transposed weight reads the weight as it is: the file does not grow, nothing is folded."""
    model, _ = trace(lambda f, x, w: f.matmul(x, f.transpose(w, (1, 0))), normal(7, 4), normal(5, 4))
    assert [node.op_type for node in model.graph.node] == ["Gemm"]


def test_a_zero_costs_nothing():
    """The negative part of a ReLU's output vanishes, and with it the convolution of it."""

    def z_plus(f, x, w):
        x = f.maximum(x, 0)
        return f.conv(x, f.maximum(w, 0), OVERLAP, 1) + f.conv(f.minimum(x, 0), f.minimum(w, 0), OVERLAP, 1)

    w = normal(5, 4, 3, 2)
    model, _ = trace(z_plus, IMAGE, w)
    assert sorted(node.op_type for node in model.graph.node) == ["Conv", "Relu", "Relu"]
    check(z_plus, IMAGE, w)


def test_equal_nodes_and_constants_are_one():
    model, _ = trace(lambda f, x: (f.exp(x) + 2.0) * (f.exp(x) + 2.0), X)
    assert [node.op_type for node in model.graph.node] == ["Exp", "Add", "Mul"]
    assert len(model.graph.initializer) == 1


def test_a_number_of_rows_that_is_a_symbol_is_never_taken_for_a_number():
    rows = Rows()
    for use in (lambda: range(rows), lambda: np.zeros(rows), lambda: rows + 1, lambda: 2 * rows, lambda: int(rows)):
        with pytest.raises(BatchSizeNeededError):
            use()


def test_sizes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="do not broadcast"):
        trace(lambda _, x, y: x + y, normal(7, 3), normal(7, 4))


def test_a_scale_goes_to_the_convolution_and_leaves_what_is_beside_it():
    scale = normal(1, 6, 1, 1, seed=5)

    def scaled(f, x, w):
        y = f.conv(x, w, OVERLAP, 2)
        return (y * f.tanh(y)) * f.const(scale) + f.const(scale) * (f.exp(-f.abs(y)) * y)

    check(scaled, IMAGE, normal(6, 2, 3, 2), atol=1e-5)


@pytest.mark.parametrize("other", ["exp", "abs"])
def test_a_quotient_with_a_relu_on_one_side_alone_is_that_quotient(other):
    x, x0 = around_zero(7, 5), normal(7, 5, seed=3)

    def quotient(f, x, x0):
        dy, dx = f.maximum(x, 0) - getattr(f, other)(x0), x - x0
        return f.quotient(dy, dx, f.abs(dx) <= 0.01, x)

    check(quotient, x, x0, atol=1e-5)


def test_the_difference_quotient_of_a_relu_needs_no_choice():
    """x and x₀ of all signs and pairs of zeros, far from one another and next to one another."""
    sides = np.array([-2.0, -1.0, -0.0, 0.0, 1.0, 1.0 + 2**-23, 3.0], "f")
    x, x0 = (np.ascontiguousarray(each) for each in np.broadcast_arrays(sides[:, None], sides))

    def quotient(f, x, x0):
        y, y0, dx = f.maximum(x, 0), f.maximum(x0, 0), x - x0
        near = f.abs(dx) <= 1e-6 * (1 + f.abs(x))
        return f.quotient(y - y0, dx, near, f.where((y + y0) / 2 > 0, 1.0, 0.0))

    model, _ = trace(quotient, x, x0)
    assert "Where" not in {node.op_type for node in model.graph.node}
    check(quotient, x, x0)
