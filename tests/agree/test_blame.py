"""The tool that explains outliers finds what was planted, and explains nothing away."""

from __future__ import annotations

import numpy as np
import pytest
from agree.agreement import check
from agree.ways import Ways
from nets import network, node, relu_cnn

# 1 + 2^-26 is more than 1 in float64, and 1 in float32
X = np.array([[1, 2.0**-26, 1]], "f")
UNEVEN = np.array([[1, 0.5], [1, 0.1], [-1, 0.2]], "f")
EVEN = np.array([[1, 1], [0, 1], [0, 0]], "f")
PLANTED = {
    "kink": ("gradient", UNEVEN, [node("Relu", "s", "at"), node("MatMul", "at v", "y")], np.ones((2, 3), "f")),
    "tie": ("gradient", EVEN, [node("ReduceMax", "s axes", "at"), node("MatMul", "at v", "y")], np.ones((1, 3), "f")),
    "denominator": ("lrp.epsilon", UNEVEN, [node("MatMul", "at v", "y")], np.ones((2, 3), "f")),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_outlier_is_found(kind):
    method, w, behind, v = PLANTED[kind]
    first = node("MatMul", "x w", "at" if kind == "denominator" else "s")
    ways = Ways(network([first, *behind], X.shape, {"w": w, "v": v, "axes": np.array([1])}), X)
    with pytest.raises(AssertionError, match="not named"):
        check(ways, method)
    check(ways, method, {"at": kind})


def test_a_wrong_walk_is_not_explained(monkeypatch):
    ways = Ways(*relu_cnn())
    compiled = ways.compiled("gradient")
    compiled.attribution[0, 0, 0, 0] += 1e-4 * np.abs(compiled.attribution).max()
    monkeypatch.setattr(ways, "compiled", lambda *_, **__: compiled)
    with pytest.raises(AssertionError, match="the walks differ"):
        check(ways, "gradient")


def test_a_wrong_forward_is_not_explained(monkeypatch):
    """What turns the decisions here is more than rounding. Compared with the file, it would be refused before."""
    from agree.ways import FORWARDS

    class Noisy(FORWARDS["float64"]):
        def run(self, feeds, values, shapes=()):
            found, sizes = super().run(feeds, values, shapes)
            return {name: v + 1e-2 if v.dtype.kind == "f" else v for name, v in found.items()}, sizes

    monkeypatch.setitem(FORWARDS, "float64", Noisy)
    with pytest.raises(AssertionError, match="Culprit"):
        check(Ways(*relu_cnn(), parity="never"), "gradient")
