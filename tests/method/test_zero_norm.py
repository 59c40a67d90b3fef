"""Norms that are 0/0 at the baseline are named, and those that a usual ε keeps from it complete."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 6)).astype("f")
TYPICAL = RNG.normal(size=(4, 6)).astype("f")
L2 = node("ReduceL2", "x last", "size")


def model(nodes, **options):
    weights = {"one": np.ones(6, "f"), "four": np.ones(4, "f"), "last": np.array([2]), "tiny": np.float32(1e-12)}
    weights["head"] = RNG.normal(size=(24, 3)).astype("f")
    nodes = [*nodes, node("Relu", "n", "r"), node("Flatten", "r", "f"), node("MatMul", "f head", "y")]
    used = {name for each in nodes for name in each.input}
    return ox.load(network(nodes, (1, 4, 6), {k: v for k, v in weights.items() if k in used}), **options)


ZERO = {
    "LayerNormalization": ([node("LayerNormalization", "x one", "n", epsilon=1e-12)], 0.5),
    "without ε": ([node("LayerNormalization", "x one", "n", epsilon=0.0)], 0.0),
    "RMSNormalization": ([node("RMSNormalization", "x one", "n", epsilon=0.0)], 0.0),
    "InstanceNormalization": ([node("InstanceNormalization", "x four four", "n", epsilon=0.0)], 0.5),
    "LpNormalization": ([node("LpNormalization", "x", "n", axis=-1, p=2)], 0.0),
    "MeanVarianceNormalization": ([node("MeanVarianceNormalization", "x", "n", axes=[2])], 0.5),
    "a quotient": ([L2, node("Div", "x size", "n")], 0.0),
    "a quotient with ε": ([L2, node("Max", "size tiny", "m"), node("Div", "x m", "n")], 0.0),
}


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
        ox.explain(model(ZERO["without ε"][0], **options), X, "deeplift", 1)


def test_a_usual_epsilon_and_a_small_divisor_elsewhere_are_none():
    """Both make attributions that cancel: 1/√ε is 316, and a far sigmoid divides by 1 + e¹²."""
    for nodes in (
        [node("LayerNormalization", "x one", "n", epsilon=1e-5)],
        [node("Mul", "x x", "p"), node("Exp", "p", "e"), node("Reciprocal", "e", "q"), node("Mul", "x q", "n")],
    ):
        e = ox.explain(model(nodes), 2 * X, "deeplift", 1)
        assert np.abs(e.delta).max() < 1e-5 * np.abs(e.attribution).sum((1, 2)).min()
