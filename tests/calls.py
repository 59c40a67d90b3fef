"""Calls of every function of the Namespace, with arrays: each engine has to say what NumPy says in float64.

Arrays of 7 rows may be cut to any number of rows.
"""

from __future__ import annotations

import numpy as np

from onnxplain.engines.window import Window
from onnxplain.ops import axes
from onnxplain.walk.tape import Tape


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
PAIRS = np.array([[1, 2], [-3, 2], [0, -5]])


def scanned(f, carried, arriving, values):
    """A recurrence that reads what it carries, what arrives and a value of the tape; both of its answers in one."""

    def step(f, carried, arriving, tapes):
        on = carried[0] * tapes[0]["inside"] + arriving[0]
        return [on], [f.sigmoid(on) - carried[0]]

    tape, length = Tape({"outside": values}, {}), arriving.shape[0]
    (first,), (sent,) = f.scan_back(step, [carried], [arriving], [tape], {"inside": "outside"}, length)
    return f.expand_dims(first, [0]) + sent


CALLS = {
    "scan_back": (scanned, normal(3, 2), normal(5, 3, 2, seed=1), normal(5, 3, 2, seed=2)),
    "const": (lambda f, x: x + f.const(np.arange(6.0)) * f.const(0.5), X),
    "real": (lambda f, x: f.real(f.const(np.arange(6) % 2 == 0)) * x + f.real(f.const(np.arange(6))), X),
    "abs": (lambda f, x: f.abs(x), X),
    "exp": (lambda f, x: f.exp(x), X),
    "erf": (lambda f, x: f.erf(x), X),
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
    "where": (lambda f, x, y: f.where(~(x > y) | (x < -1), x, f.where(x == 0, 2.0, y)), around_zero(7, 5), Y[:, 0, :5]),
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

LONG_TAPS = np.minimum(np.arange(150)[:, None] // 2 + np.arange(3), 69)
LONG_WEIGHTS = normal(150, 3, seed=6).astype(float)
REFLECTED, AT_EDGES = np.pad(np.arange(70), (9, 20), "reflect"), np.pad(np.arange(70), (9, 20), "edge")
WRAPPED, ZIGZAG = np.pad(np.arange(70), (9, 20), "wrap"), np.pad(np.arange(3), (30, 30), "reflect")
CROPPED, NOTHING = np.pad(np.arange(12, 70), (0, 5), "reflect"), np.arange(0)

ALONG = {
    "taps": (lambda f, x: axes.tapped(f, x, LONG_TAPS, LONG_WEIGHTS, 1), normal(7, 70, 2)),
    "taps, transposed": (lambda f, g: axes.tapped_adjoint(f, g, LONG_TAPS, LONG_WEIGHTS, 1, 70), normal(7, 150, 2)),
    "reflected": (lambda f, g: axes.uncopied(f, g, REFLECTED, 2, 70), normal(7, 2, len(REFLECTED))),
    "at edges": (lambda f, g: axes.uncopied(f, g, AT_EDGES, 1, 70), normal(7, len(AT_EDGES), 2)),
    "wrapped": (lambda f, g: axes.uncopied(f, g, WRAPPED, 1, 70), normal(7, len(WRAPPED))),
    "to and fro": (lambda f, g: axes.uncopied(f, g, ZIGZAG, 1, 3), normal(7, len(ZIGZAG), 2)),
    "cropped": (lambda f, g: axes.uncopied(f, g, CROPPED, 1, 70), normal(7, len(CROPPED))),
    "nothing left": (lambda f, g: axes.uncopied(f, g, NOTHING, 1, 70), normal(7, 0, 2)),
    "running": (lambda f, x: axes.running(f, x, 1, exclusive=False, reverse=False), normal(7, 130, 2)),
    "running before": (lambda f, x: axes.running(f, x, 2, exclusive=True, reverse=False), normal(7, 2, 128)),
    "running back": (lambda f, x: axes.running(f, x, 1, exclusive=False, reverse=True), normal(7, 65)),
    "running back, behind": (lambda f, x: axes.running(f, x, 1, exclusive=True, reverse=True), normal(7, 4200)),
}
"""Linear maps along a long axis, of `onnxplain.ops.axes`."""

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

POOLS = {
    "apart": ((8, 6), (2, 2), {"strides": [2, 2]}),
    "overlapping": ((9, 8), (3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "ceil": ((8, 7), (3, 3), {"strides": [2, 2], "ceil_mode": 1}),
    "dilated": ((8, 7), (2, 2), {"dilations": [2, 3]}),
    "1-D": ((9,), (3,), {"strides": [2]}),
}
