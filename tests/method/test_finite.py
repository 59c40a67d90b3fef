"""Scores that are NaN or infinite: every method refuses the row, and names the node where it begins."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from cli.test_cli import run
from passes.same import model as text

import onnxplain as ox
from onnxplain.errors import NumericalError

W = np.arange(12, dtype="f").reshape(4, 3)
X = np.array([[1, 2, 3, 4], [1, 4, 9, 16], [1, -2, 3, 4]], "f")
METHODS = ("gradient", "lrp.epsilon", "deeplift", "smoothgrad", "integrated_gradients", "occlusion", "lime")


def rooted():
    """sqrt(x) W: the third row is NaN from the root of -2 on."""
    return text("(float[N, 4] x) => (float[N, 3] y) { a = Identity(x) r = Sqrt(a) n = Neg(r) y = MatMul(n, w) }", w=W)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", METHODS)
def test_not_a_number(method, engine):
    said = r"row 2: 3 of 3 scores are NaN, which begins at Sqrt \(node '.*'\)"
    with pytest.raises(NumericalError, match=said):
        ox.explain(ox.load(rooted(), engine=engine), X, method, target=0)


@pytest.mark.parametrize("method", METHODS)
def test_infinity(method):
    proto = text("(float[N, 4] x) => (float[N, 3] y) { e = Exp(x) y = MatMul(e, w) }", w=W)
    with pytest.raises(NumericalError, match=r"row 1: 3 of 3 scores are infinite, which begins at Exp"):
        ox.explain(ox.load(proto), X * np.array([[1], [50], [1]], "f"), method, target=0)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("method", ["deeplift", "deepshap", "integrated_gradients", "expected_gradients"])
@pytest.mark.parametrize("op", ["Log", "Reciprocal"])
def test_baseline_without_a_score(op, method, engine):
    """ln 0 and 1/0 are no numbers, so that no difference from a baseline of 0 can be shared out."""
    net = ox.load(text(f"(float[N, 4] x) => (float[N, 3] y) {{ e = {op}(x) y = MatMul(e, w) }}", w=W), engine=engine)
    with pytest.raises(NumericalError, match=r"baseline.* give another baseline="):
        ox.explain(net, X[:2], method, target=0)


def test_evaluate_refuses_it():
    with pytest.raises(NumericalError, match=r"row 2: 3 of 3 scores are NaN"):
        ox.evaluate(ox.load(rooted()), X, "gradient", "completeness")


def test_the_exit_code(tmp_path):
    onnx.save(rooted(), tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", X)
    for method in ("gradient", "occlusion"):
        done = run("explain", tmp_path / "net.onnx", tmp_path / "x.npy", "-m", method, "-t", 0, "-o", tmp_path / "out")
        assert done.exit_code == 4 and done.stderr.startswith("onnxplain: row 2: 3 of 3 scores are NaN"), done.stderr
