"""Every LRP rule equals a dense-matrix replica written here, in float64, over Gemm and seven kinds of convolution.

The matrix of a layer comes from running it on unit vectors with onnx's reference evaluator; the replicas are the
formulas of the papers on that matrix and know nothing of convolutions, windows or ONNX.
"""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.method.backward import table_lrp
from onnxplain.plan.composite import Composite
from onnxplain.plan.selector import weighted
from onnxplain.rules import lrp

EPS = 1e-6

LAYERS = {
    "gemm": ("Gemm", (2, 7), (5, 7), {"transB": 1}),
    "conv1d": ("Conv", (2, 3, 9), (4, 3, 3), {"pads": [1, 1], "strides": [2]}),
    "conv2d": ("Conv", (2, 3, 6, 5), (4, 3, 3, 2), {"pads": [1, 0, 2, 1]}),
    "strided, dilated": ("Conv", (2, 2, 9, 8), (3, 2, 3, 3), {"strides": [2, 3], "dilations": [2, 1]}),
    "grouped": ("Conv", (2, 4, 5, 5), (6, 2, 3, 3), {"group": 2}),
    "depthwise": ("Conv", (2, 3, 5, 5), (3, 1, 3, 3), {"group": 3, "auto_pad": "SAME_UPPER"}),
    "conv3d": ("Conv", (2, 2, 4, 4, 3), (3, 2, 2, 3, 2), {"strides": [1, 2, 1]}),
    "transposed": ("ConvTranspose", (2, 3, 4, 4), (3, 2, 3, 3), {"strides": [2, 2], "pads": [1, 0, 1, 1]}),
}


def stab(z, eps=EPS):
    return z + eps * np.where(z >= 0, 1, -1)


def share(R, z, eps=EPS):
    z = stab(z, eps)
    return np.divide(R, z, out=np.zeros_like(R), where=z != 0)


def parts(v):
    return np.maximum(v, 0), np.minimum(v, 0)


def zero(A, b, x, R):
    return x * (A.T @ share(R, A @ x + b, 0.0))


def epsilon(A, b, x, R):
    return x * (A.T @ share(R, A @ x + b))


def z_plus(A, b, x, R):
    contributions = np.maximum(A * x, 0)
    return contributions.T @ share(R, contributions.sum(1) + np.maximum(b, 0))


def alpha_beta(A, b, x, R):
    up, down = parts(A * x)
    gain = up.T @ share(2 * R, up.sum(1) + np.maximum(b, 0))
    return gain + down.T @ share(-R, down.sum(1) + np.minimum(b, 0))


def gamma(A, b, x, R, g=0.25):
    up, down = parts(A * x)
    out, z = 0.0, A @ x + b
    for sign, favoured, bias in ((1, up, np.maximum(b, 0)), (-1, down, np.minimum(b, 0))):
        contributions = A * x + g * favoured
        out = out + contributions.T @ share(np.where(np.sign(z) == sign, R, 0), contributions.sum(1) + b + g * bias)
    return out


def z_box(A, b, x, R, low=-2.5, high=3.0):
    up, down = parts(A)
    contributions = A * x - up * low - down * high
    return contributions.T @ share(R, contributions.sum(1))


def flat(A, b, x, R):
    connected = (A != 0).astype(float)
    return connected.T @ share(R, connected.sum(1))


def w_square(A, b, x, R):
    return (A * A).T @ share(R, (A * A).sum(1))


RULES = {
    "zero": (lrp.Epsilon(0.0), zero),
    "epsilon": (lrp.Epsilon(EPS), epsilon),
    "z_plus": (lrp.ZPlus(EPS), z_plus),
    "alpha_beta": (lrp.AlphaBeta(2.0, 1.0, EPS), alpha_beta),
    "gamma": (lrp.Gamma(0.25, EPS), gamma),
    "z_box": (lrp.ZBox(-2.5, 3.0, EPS), z_box),
    "flat": (lrp.Flat(EPS), flat),
    "w_square": (lrp.WSquare(EPS), w_square),
}


def layer(kind, bias):
    """The layer as a model, A and b of y = A x + b from running it in float64 on the unit vectors, and an input."""
    op, shape, weight, attrs = LAYERS[kind]
    rng = np.random.default_rng(len(kind))
    weights = {"w": rng.normal(size=weight).astype("f")}
    if bias:
        width = weight[0] if op != "ConvTranspose" else weight[1]
        weights["b"] = rng.normal(size=width).astype("f")
    nodes = [node(op, "x w b" if bias else "x w", "y", **attrs)]
    double = network(nodes, shape, {name: value.astype(float) for name, value in weights.items()})
    size = int(np.prod(shape[1:]))
    run = ReferenceEvaluator(double).run
    (b,) = run(None, {"x": np.zeros((1, *shape[1:]))})
    (columns,) = run(None, {"x": np.eye(size).reshape(size, *shape[1:])})
    A = (columns - b).reshape(size, -1).T
    A[np.abs(A) < 1e-12] = 0
    x = np.clip(rng.normal(size=shape), -2.4, 2.9).astype("f")
    return network(nodes, shape, weights), A, b.ravel(), x


@pytest.mark.parametrize("bias", [False, True], ids=["", "bias"])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", RULES)
def test_rule_equals_its_dense_replica(name, kind, bias):
    rule, replica = RULES[name]
    model, A, b, x = layer(kind, bias)
    R = np.random.default_rng(1).normal(size=(len(x), len(b)))
    explainer = ox.Explainer(ox.load(model, precision="float64"), Composite(table_lrp(EPS), ((weighted, rule),)))
    got = explainer(x, seed=R).attribution.reshape(len(x), -1)
    want = np.stack([replica(A, b, row, r) for row, r in zip(x.reshape(len(x), -1).astype(float), R, strict=True)])
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-9 * np.abs(want).max())


@pytest.mark.parametrize("name", ["epsilon", "z_plus", "alpha_beta", "gamma", "z_box", "flat", "w_square"])
def test_relevance_is_conserved_without_bias(name):
    rule, _ = RULES[name]
    model, _, b, x = layer("strided, dilated", bias=False)
    R = np.random.default_rng(1).uniform(0.5, 1, size=(len(x), len(b)))
    composite = Composite(table_lrp(1e-12), ((weighted, type(rule)(**{**vars(rule), "eps": 1e-12})),))
    got = ox.Explainer(ox.load(model, precision="float64"), composite)(x, seed=R).attribution
    np.testing.assert_allclose(got.sum((1, 2, 3)), R.sum(1), rtol=1e-6)


def test_alpha_minus_beta_is_one():
    with pytest.raises(ox.errors.UsageError, match="alpha - beta must be 1"):
        lrp.AlphaBeta(alpha=2.0, beta=2.0)
