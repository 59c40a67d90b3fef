"""The traced engine: every function of the Namespace, traced, run by onnxruntime, against NumPy in float64.

Each is traced once with the number of rows as a symbol, and the one model is run with 1, 3 and 7 rows.
"""

from __future__ import annotations

import inspect

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from onnxplain.engines import Namespace
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.onnxruntime.namespace import TracedNamespace
from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows
from onnxplain.engines.onnxruntime.traced import Emitter, Traced
from onnxplain.engines.window import Window

FUNCTIONS = sorted(name for name in vars(Namespace) if not name.startswith("_"))
KINDS = {np.dtype("f"): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64, np.dtype(bool): TensorProto.BOOL}


def trace(function, *arrays):
    """`function(xp, *arrays)` as a model; arrays with 7 rows may have any number."""
    emitter, infos, inputs = Emitter("x0"), [], []
    for i, array in enumerate(arrays):
        shape = tuple(Rows() if axis == 0 and n == 7 else n for axis, n in enumerate(array.shape))
        infos.append(helper.make_tensor_value_info(f"x{i}", KINDS[array.dtype], emitter.sizes(shape)))
        inputs.append(Traced(emitter, f"x{i}", shape))
    result = function(TracedNamespace(emitter), *inputs)
    graph = emitter.needed([result.name])
    graph.name = "traced"
    graph.input.extend(infos)
    graph.output.append(onnx.ValueInfoProto(name=result.name))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10), result


def check(function, *arrays, rows=(1, 3, 7), atol=1e-6):
    """The traced function says what NumPy says, with the shape that was predicted."""
    model, result = trace(function, *arrays)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    used = {each.name for each in session.get_inputs()}
    for n in rows:
        cut = [array[:n] if len(array) == 7 else array for array in arrays]
        (got,) = session.run(None, {f"x{i}": a for i, a in enumerate(cut) if f"x{i}" in used})
        wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in cut]
        with np.errstate(all="ignore"):
            wanted = np.asarray(function(NumpyNamespace("float64"), *wide))
        assert got.shape == tuple(s.each * n if isinstance(s, Rows) else s for s in result.shape)
        np.testing.assert_allclose(np.broadcast_to(got, wanted.shape), wanted, rtol=1e-5, atol=atol)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def around_zero(*shape):
    """Numbers of either sign, and zeros of either sign."""
    x = normal(*shape)
    x.ravel()[::3], x.ravel()[1::7] = 0.0, -0.0
    return x


X, Y, W = normal(7, 4, 6), normal(7, 4, 6, seed=1), normal(6, 5, seed=2)
IMAGE = normal(7, 4, 9, 8, seed=3)
OVERLAP = Window.resolve((9, 8), (3, 2), {"strides": [2, 1], "pads": [1, 0, 1, 1]})
ANSWER = normal(7, 6, *OVERLAP.out, seed=4)
PAIRS = np.array([[1, 2], [1, 2], [0, 0]])

CALLS = {
    "const": (lambda f, x: x + f.const(np.arange(6.0)) * f.const(0.5), X),
    "abs": (lambda f, x: f.abs(x), X),
    "exp": (lambda f, x: f.exp(x), X),
    "log": (lambda f, x: f.log(f.abs(x)), X),
    "sqrt": (lambda f, x: f.sqrt(f.abs(x)), X),
    "sin": (lambda f, x: f.sin(x), X),
    "cos": (lambda f, x: f.cos(x), X),
    "sinh": (lambda f, x: f.sinh(x), X),
    "cosh": (lambda f, x: f.cosh(x), X),
    "tanh": (lambda f, x: f.tanh(x), X),
    "sigmoid": (lambda f, x: f.sigmoid(50 * x), X),
    "sign": (lambda f, x: f.sign(x), around_zero(7, 5)),
    "pow": (lambda f, x: f.pow(f.abs(x), 0.3), X),
    "maximum": (lambda f, x, y: f.maximum(x, y) + f.maximum(x, 0), X, Y),
    "minimum": (lambda f, x, y: f.minimum(x, y) + f.minimum(x, 0), X, Y),
    "where": (lambda f, x, y: f.where((x > y) | (x < -1), x, f.where(x == 0, 2.0, y)), around_zero(7, 5), normal(7, 5)),
    "isfinite": (lambda f, x: f.where(f.isfinite(f.log(x)), x, 0.0), around_zero(7, 5)),
    "sum": (lambda f, x: f.sum(x, [-1, 1]), X),
    "ones_like": (lambda f, x: x + f.ones_like(x), X),
    "reshape_like": (lambda f, x, y: f.reshape_like(x, y), X, normal(7, 24)),
    "reshape": (lambda f, x: f.reshape(x, (-1, 2, 6)), X),
    "expand_dims": (lambda f, x: f.expand_dims(x, [0, -1]), X),
    "transpose": (lambda f, x: f.transpose(x, [2, 0, 1]), X),
    "broadcast_like": (lambda f, x, y: f.broadcast_like(f.sum(x, [1]), y), X, Y),
    "unbroadcast": (lambda f, x, y: f.unbroadcast(x, f.sum(y, [1])) + f.unbroadcast(x, y), X, Y),
    "pick": (lambda f, x: f.pick(x, [slice(None), slice(3, None, -2), slice(1, 5)]), X),
    "unpick": (lambda f, g, x: f.unpick(g, x, [slice(None), slice(3, None, -2), slice(1, 5)]), normal(7, 2, 4), X),
    "take": (lambda f, x: f.take(x, np.array([[0, 2], [-1, 2]]), 1), X),
    "untake": (lambda f, g, x: f.untake(g, x, np.array([[0, 2], [-1, 2]]), 1), normal(7, 2, 2, 6), X),
    "scatter_elements": (
        lambda f, g, x: f.scatter_elements(g, x, f.const(np.array([[[0] * 6, [3] * 6]])) , 1),
        normal(1, 2, 6),
        normal(1, 4, 6),
    ),
    "scatter_nd": (lambda f, g, x: f.scatter_nd(g, x, f.const(PAIRS)), normal(3, 6), normal(4, 5, 6)),
    "scatter": (lambda f, g, x: f.scatter(g, x, f.reduce_winners(x, [2])), normal(7, 4, 1), X),
    "matmul": (lambda f, x, w: f.matmul(x, w) + f.sum(f.matmul(f.transpose(w, (1, 0)), w), [0, 1]), X, W),
    "einsum": (lambda f, x, y: f.einsum("nij,nkj->nik", x, y), X, Y),
    "conv": (lambda f, x, w: f.conv(x, w, OVERLAP, 2), IMAGE, normal(6, 2, 3, 2)),
    "conv_adjoint": (lambda f, g, w, x: f.conv_adjoint(g, w, x, OVERLAP, 2), ANSWER, normal(6, 2, 3, 2), IMAGE),
    "pool_winners": (lambda f, x: f.pool_winners(x, OVERLAP), IMAGE),
    "reduce_winners": (lambda f, x: f.reduce_winners(x, [1, 2]), X),
    "ratio": (lambda f, r, z: f.ratio(r, z, 0.1) + f.ratio(r, z, 0.0), normal(7, 5), around_zero(7, 5)),
    "quotient": (lambda f, a, b: f.quotient(a, b, f.abs(b) <= 0.1, a * 2), normal(7, 5), around_zero(7, 5)),
}  # fmt: skip


def test_it_implements_the_namespace_and_no_more():
    assert sorted(name for name in dir(TracedNamespace) if not name.startswith("_")) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_have_the_same_names(name):
    wanted = list(inspect.signature(getattr(Namespace, name)).parameters)[1:]
    assert list(inspect.signature(getattr(TracedNamespace(Emitter("x")), name)).parameters) == wanted


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_computes_what_numpy_computes(name):
    check(*CALLS[name])


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


WINDOWS = {
    "plain": ((9, 8), (3, 3), {}, 1),
    "same": ((9, 8), (3, 3), {"pads": [1, 1, 1, 1]}, 1),
    "one sided": ((9, 8), (2, 3), {"pads": [1, 0, 0, 2]}, 1),
    "pointwise": ((9, 8), (1, 1), {}, 1),
    "strided with a remainder": ((9, 8), (3, 2), {"strides": [3, 3]}, 1),
    "strided pointwise": ((9, 8), (1, 1), {"strides": [2, 2]}, 1),
    "dilated": ((9, 8), (3, 2), {"dilations": [2, 3], "pads": [2, 0, 1, 3]}, 1),
    "grouped": ((9, 8), (3, 3), {"pads": [1, 1, 1, 1]}, 2),
    "depthwise": ((9, 8), (3, 3), {"pads": [1, 1, 1, 1]}, 4),
    "depthwise strided": ((9, 8), (3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}, 4),
    "more padding than kernel": ((4, 5), (1, 2), {"pads": [1, 2, 0, 1]}, 1),
    "1-D": ((9,), (3,), {"strides": [2], "pads": [2, 0]}, 1),
    "3-D": ((5, 4, 6), (2, 3, 2), {"pads": [0, 1, 1, 1, 1, 0], "strides": [1, 2, 1]}, 2),
    "3-D same": ((5, 4, 6), (1, 3, 3), {"pads": [0, 1, 1, 0, 1, 1]}, 1),
}


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


def test_a_mean_goes_back_to_every_pixel():
    check(lambda f, g, x: f.broadcast_like(g, x), normal(7, 16, 1, 1), normal(7, 16, 5, 3))


POOLS = {
    "apart": ((8, 6), (2, 2), {"strides": [2, 2]}),
    "overlapping": ((9, 8), (3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "ceil": ((8, 7), (3, 3), {"strides": [2, 2], "ceil_mode": 1}),
    "dilated": ((8, 7), (2, 2), {"dilations": [2, 3]}),
    "1-D": ((9,), (3,), {"strides": [2]}),
}


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
