"""Norms that are 0/0 at the baseline are named, and those that an ε keeps from it complete."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 6)).astype("f")
TYPICAL = RNG.normal(size=(4, 6)).astype("f")
L1, L2 = node("ReduceL1", "x last", "size"), node("ReduceL2", "x last", "size")


def model(nodes, behind="n", **options):
    weights = {"one": np.ones(6, "f"), "four": np.ones(4, "f"), "last": np.array([2]), "tiny": np.float32(1e-12)}
    weights["head"] = RNG.normal(size=(24, 3)).astype("f")
    nodes = [*nodes, node("Relu", behind, "relu"), node("Flatten", "relu", "f"), node("MatMul", "f head", "y")]
    used = {name for each in nodes for name in each.input}
    return ox.load(network(nodes, (1, 4, 6), {k: v for k, v in weights.items() if k in used}), **options)


ZERO = {
    "LayerNormalization": ([node("LayerNormalization", "x one", "n", epsilon=0.0)], 0.5),
    "RMSNormalization": ([node("RMSNormalization", "x one", "n", epsilon=0.0)], 0.0),
    "InstanceNormalization": ([node("InstanceNormalization", "x four four", "n", epsilon=0.0)], 0.5),
    "a quotient": ([L2, node("Div", "x size", "n")], 0.0),
    "a quotient with ε": ([L1, node("Max", "size tiny", "m"), node("Div", "x m", "n")], 0.0),
}
TINY = {
    "LayerNormalization": ([node("LayerNormalization", "x one", "n", epsilon=1e-12)], 0.5),
    "RMSNormalization": ([node("RMSNormalization", "x one", "n", epsilon=1e-6)], 0.0),
    "LpNormalization": ([node("LpNormalization", "x", "n", axis=-1, p=2)], 0.0),
    "MeanVarianceNormalization": ([node("MeanVarianceNormalization", "x", "n", axes=[2])], 0.5),
    "torch's normalize": (
        [
            L2,
            node("Clip", "size tiny", "m"),
            node("Shape", "x", "as"),
            node("Expand", "m as", "d"),
            node("Div", "x d", "n"),
        ],
        0.0,
    ),
}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("method", ["deeplift", "deepshap"])
def test_a_norm_of_nothing_that_is_kept_from_0_completes(name, method):
    """Two in a row: the shares of x and of 1/σ would be as large as 1/ε, and cancel."""
    nodes, nothing = TINY[name]
    again = [node("LayerNormalization", "n one", "n2", epsilon=1e-12), node("Mul", "n2 n2", "r")]
    known = model([*nodes, *again], behind="r")
    e = ox.explain(known, X, method, 1, baseline=np.full_like(X[0], nothing))
    assert np.abs(e.delta).max() < 1e-5 * np.abs(e.score).min()
    assert np.abs(e.attribution).max() < 100 * np.abs(e.score).max()


@pytest.mark.parametrize("name", ZERO)
@pytest.mark.parametrize("method", ["deeplift", "deepshap", "deeplift.reveal_cancel"])
def test_a_norm_of_nothing_is_named(name, method):
    nodes, nothing = ZERO[name]
    known = model(nodes)
    with pytest.raises(ox.errors.NumericalError, match=r"\(node 'n.*0/0 at the baseline.*another baseline="):
        ox.explain(known, X, method, 1, baseline=np.full_like(X[0], nothing))
    e = ox.explain(known, X, method, 1, baseline=TYPICAL)
    assert np.abs(e.delta).max() < 1e-5 * np.abs(e.attribution).sum((1, 2)).min()


@pytest.mark.parametrize("options", [{"engine": "numpy"}, {"precision": "float64"}], ids=["numpy", "float64"])
def test_every_engine_says_so(options):
    with pytest.raises(ox.errors.NumericalError, match=r"LayerNormalization \(node 'n'\): 0/0"):
        ox.explain(model(ZERO["LayerNormalization"][0], **options), X, "deeplift", 1)


def test_a_usual_epsilon_and_a_small_divisor_elsewhere_are_none():
    """Both make attributions that cancel: 1/√ε is 316, and a far sigmoid divides by 1 + e¹²."""
    for nodes in (
        [node("LayerNormalization", "x one", "n", epsilon=1e-5)],
        [node("Mul", "x x", "p"), node("Exp", "p", "e"), node("Reciprocal", "e", "q"), node("Mul", "x q", "n")],
    ):
        e = ox.explain(model(nodes), 2 * X, "deeplift", 1)
        assert np.abs(e.delta).max() < 1e-5 * np.abs(e.attribution).sum((1, 2)).min()


def test_a_norm_is_shared_out_as_the_product_of_its_output_and_its_divisor():
    """A replica: x = y σ gives Δx = Δy σ̄ + ȳ Δσ, and Δσ = Δv / (σ + σ₀), v being the mean of x²."""
    x, x0, scale, head = (RNG.normal(size=s) for s in ((3, 6), (6,), (6,), (6, 2)))
    nodes = [node("RMSNormalization", "x scale", "n", epsilon=1e-5), node("MatMul", "n head", "y")]
    net = network(nodes, (1, 6), {"scale": scale.astype("f"), "head": head.astype("f")})
    x, x0 = x.astype("f"), x0.astype("f")
    e = ox.explain(ox.load(net, precision="float64"), x, "deeplift", 1, baseline=x0)
    m = head.astype("f")[:, 1].astype(float) * scale.astype("f")
    x, x0 = x.astype(float), x0.astype(float)
    sigma, sigma0 = (np.sqrt((v * v).mean(-1, keepdims=True) + np.float32(1e-5)) for v in (x, x0))
    y_bar, sigma_bar = (x / sigma + x0 / sigma0) / 2, (sigma + sigma0) / 2
    share_of_sigma = (m * y_bar).sum(1, keepdims=True) / sigma_bar / (sigma + sigma0)
    due = m * (x - x0) / sigma_bar - share_of_sigma * (x + x0) * (x - x0) / 6
    np.testing.assert_allclose(e.attribution, due, rtol=1e-10, atol=1e-12)
