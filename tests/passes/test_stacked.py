"""Stacked columns: what is the same side by side, what stays, and a quadratic discriminant analysis of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from passes.same import model, ops, same

import onnxplain as ox
from onnxplain.passes.stacked import stacked

TURNED = "s = Concat <axis = 0> (a, b) r = Reshape(s, two) y = Transpose <perm = [1, 0]> (r)"


def columns(text, width=1, **weights):
    text = f"(float[N,{width}] a, float[N,{width}] b) => (float[N,2] y) {{ {text} }}"
    return model(text, **({"two": np.array([2, -1])} | weights))


def test_stacked_columns_stand_side_by_side():
    graph, changed = same(columns(TURNED), stacked)
    assert changed == 1 and ops(graph) == ["Concat"] and graph.nodes[0].attrs["axis"] == 1


@pytest.mark.parametrize(
    "proto",
    [
        columns(TURNED, two=np.array([-1, 2])),
        columns(TURNED.replace("[1, 0]", "[0, 1]"), two=np.array([-1, 2])),
        columns(TURNED, width=2),
    ],
    ids=["another number of rows", "not turned", "no columns"],
)
def test_other_stacks_stay(proto):
    assert same(proto, stacked)[1] == 0


def test_a_quadratic_discriminant_analysis_has_the_slopes_of_scikit_learn():
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = (rng.normal(size=(90, 4)) * (1 + y[:, None]) + y[:, None]).astype("f")
    own = QuadraticDiscriminantAnalysis().fit(x.astype(float), y)
    loaded = ox.load(skl2onnx.to_onnx(own, x[:1]))
    for target in range(3):
        e = ox.explain(loaded, x[:5], "gradient", target=target)
        step = 1e-4 * np.eye(4)
        near = [own.decision_function(x[:5] + s * d)[:, target] for d in step for s in (1.0, -1)]
        wanted = (np.stack(near[::2], 1) - np.stack(near[1::2], 1)) / 2e-4
        np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
        np.testing.assert_allclose(e.score, own.decision_function(x[:5])[:, target], rtol=0, atol=2e-5)
    assert ox.explain(loaded, x[:1]).method == "lrp.epsilon_plus_flat"
