"""Imputed functions: the same values, and slopes that are numbers, where the function itself is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from passes.same import model, ops, same

import onnxplain as ox
from onnxplain.passes.imputed import imputed

EDGES = np.array([[0, -0.0, np.inf], [-np.inf, np.nan, 1], [-2, 3, 1e-30], [-1e30, 7, 0.5]], "f")


def file(text, **weights):
    given = {"zero": np.zeros(1, "f"), "one": np.ones(1, "f"), **weights}
    ends = "m = IsNaN(f) y = Where(m, zero, f)"
    return model(f"(float[N,3] x) => (float[N,3] y) {{ {text} {ends} }}", **given)


def slopes(proto, x):
    return [ox.explain(ox.load(proto), np.array([x], "f"), "gradient", target=k).attribution[0, k] for k in range(3)]


def test_a_logarithm_has_the_slope_0_where_it_is_imputed():
    proto = file("f = Log(x)")
    graph, changed = same(proto, imputed, feeds={"x": EDGES[2:]})
    assert changed == 1 and ops(graph).count("Log") == 2
    np.testing.assert_allclose(slopes(proto, [-2, 0.5, 4]), [0, 2, 0.25], rtol=1e-6)


def test_a_number_is_chosen_at_which_the_function_is_finite_in_all_columns():
    proto = file("d = Sub(x, c) l = Log(d) f = Mul(l, w)", c=np.array([-3, 1.5, 0], "f"), w=np.array([2, 1, 0], "f"))
    np.testing.assert_allclose(slopes(proto, [-1, 1, 4]), [1, 0, 0], rtol=1e-6)


def test_a_quotient_with_itself_is_1_where_the_imputed_value_says_so():
    """At 0 and at inf the file computes NaN, and imputes 0. The sine is 0 at 0 and NaN at inf."""
    proto = file("q = Div(x, x) n = Sub(x, x) s = Sin(x) p = Mul(s, q) f = Add(p, n)")
    graph, changed = same(proto, imputed, feeds={"x": EDGES})
    assert changed == 1 and "Div" not in ops(graph)
    np.testing.assert_allclose(slopes(proto, [0, -2, 8]), np.cos([0, -2, 8]), rtol=1e-6)


def test_a_quotient_with_itself_stays_where_infinity_tells_it_from_1():
    """At inf the file imputes 0, where x + 1 - 1 is inf."""
    graph, changed = same(file("q = Div(x, x) a = Add(x, q) f = Sub(a, one)"), imputed, feeds={"x": EDGES})
    assert changed == 1 and ops(graph).count("Div") == 2


def test_a_quotient_with_itself_stays_where_another_value_is_imputed():
    """At 0 the file computes NaN, and imputes 0, where x + 1 would be 1."""
    proto = file("q = Div(x, x) f = Add(x, q)")
    graph, changed = same(proto, imputed, feeds={"x": EDGES[2:]})
    assert changed == 1 and ops(graph).count("Div") == 2
    np.testing.assert_allclose(slopes(proto, [0, -2, 8]), [0, 1, 1], atol=1e-6)
    assert ox.explain(ox.load(proto), np.zeros((1, 3), "f"), "gradient", target=0).score[0] == 0


@pytest.mark.parametrize(
    "proto",
    [
        file("r = Add(x, one) f = MatMul(r, w)", w=np.eye(3, dtype="f")),
        file("f = Mul(x, nan)", nan=np.full(3, np.nan, "f")),
        model(
            "(float[N,3] x) => (float[N,3] y) { l = Log(x) r = Sqrt(x) m = IsNaN(r) y = Where(m, zero, l) }",
            zero=np.zeros(1, "f"),
        ),
    ],
    ids=["over columns", "nowhere finite", "another function"],
)
def test_what_is_no_such_function_stays(proto):
    assert same(proto, imputed, feeds={"x": np.abs(EDGES[2:])})[1] == 0


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_a_power_transform_has_the_slopes_of_scikit_learn(method):
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PowerTransformer

    rng = np.random.default_rng(0)
    x = (rng.normal(size=(80, 4)) if method == "yeo-johnson" else rng.gamma(2, size=(80, 4))).astype("f")
    own = make_pipeline(PowerTransformer(method=method), LogisticRegression())
    own.fit(x.astype(float), np.arange(80) % 3)
    loaded, rows = ox.load(skl2onnx.to_onnx(own, x[:1])), x[:6].copy()
    if method == "yeo-johnson":
        rows[0, 1], rows[1] = 0, [-3, 3, -1, 1]
    for target in range(3):
        e = ox.explain(loaded, rows, "gradient", target=target)
        near = [own.decision_function(rows + s * d)[:, target] for d in 1e-5 * np.eye(4) for s in (1.0, -1)]
        wanted = (np.stack(near[::2], 1) - np.stack(near[1::2], 1)) / 2e-5
        np.testing.assert_allclose(e.attribution, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert ox.explain(loaded, rows[:1]).method == "lrp.epsilon_plus_flat"
