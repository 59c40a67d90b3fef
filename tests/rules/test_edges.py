"""Rules where a denominator, a difference or a winner is special, on single nodes with relevance computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.engines.base import WalkRequest
from onnxplain.method.backward import table_lrp
from onnxplain.plan.selector import weighted
from onnxplain.rules import lrp
from onnxplain.walk.objective import Objective

engines = pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])


def loaded(nodes, shape, engine, **weights):
    return ox.load(network(nodes, shape, {n: np.asarray(v, "f") for n, v in weights.items()}), engine=engine)


@engines
@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_gamma_passes_nothing_where_the_pre_activation_is_zero(engine, bias):
    """z = (0, 3): the relevance of the first is dropped; contributions (2, 1) of the second are favoured alike."""
    model = loaded([node("Gemm", "x w b", "y")], (1, 2), engine, w=[[1, 2], [-1, 1]], b=[0, 0])
    x = np.array([[1, 1]], "f")
    rule = ox.Composite(table_lrp(0.0), ((weighted, lrp.Gamma(0.5, eps=1e-9)),))
    found = ox.explain(model, x, rule, seed=np.array([7.0 + bias, 6.0])).attribution
    np.testing.assert_allclose(found, [[4, 2]], rtol=1e-5)


@engines
def test_gamma_of_a_negative_pre_activation_favours_what_is_negative(engine):
    """Contributions (2, -3) of z = -1 count as (2, -3 · 1.5): of R = 5, the shares 2/-2.5 and -4.5/-2.5."""
    model = loaded([node("MatMul", "x w", "y")], (1, 2), engine, w=[[2], [-3]])
    rule = ox.Composite(table_lrp(0.0), ((weighted, lrp.Gamma(0.5, eps=1e-9)),))
    found = ox.explain(model, np.array([[1, 1]], "f"), rule, seed=np.array([5.0])).attribution
    np.testing.assert_allclose(found, [[-4, 9]], rtol=1e-5)


@engines
def test_each_term_of_a_sum_has_its_own_share(engine):
    """y = 2 x_0 + 5 x_1, where each term is made of one column."""
    nodes = [node("MatMul", "x left", "p"), node("MatMul", "x right", "q"), node("Add", "p q", "y")]
    model = loaded(nodes, (1, 2), engine, left=[[2], [0]], right=[[0], [5]])
    x = np.array([[3, 1], [-2, 4]], "f")
    np.testing.assert_allclose(ox.explain(model, x, "lrp.zero").attribution, x * [2, 5], rtol=1e-5)


@engines
def test_deeplift_of_a_sigmoid_is_the_quotient_of_differences(engine):
    """Also where the baseline gives something else than 0; where the two meet it is the slope."""
    sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    model = loaded([node("Sigmoid", "x", "s"), node("Mul", "s k", "y")], (1, 3), engine, k=[1, 2, -3])
    x, x0 = np.array([[2.0, 0.5, -1.0]]), np.array([[0.5, 0.5, 1.0]])
    explainer = ox.Explainer(model, "deeplift")
    due = np.array([1, 2, -3]) * (sigmoid(x) - sigmoid(x0))
    for target in range(3):
        found = explainer(x.astype("f"), target, baseline=x0.astype("f")).attribution[0, target]
        np.testing.assert_allclose(found, due[0, target], rtol=1e-4, atol=1e-6)
    arrived = walked(explainer.method, x.astype("f"), x0.astype("f"), 1)
    np.testing.assert_allclose(arrived[0, 1], 2 * sigmoid(0.5) * (1 - sigmoid(0.5)), rtol=1e-4)


def walked(method, x, x0, target):
    """The multipliers that arrive at the input."""
    request = WalkRequest(method.plan, Objective((target,), None, "one"), {"x": x}, {"x": x0})
    return method.engine.walk(request).arrived


@engines
def test_what_a_maximum_gives_up_is_the_old_winners(engine):
    """max(x) falls from 5 at the second place to 3 at the first: -2 there, where the largest value was given up."""
    model = loaded([node("MaxPool", "x", "p", kernel_shape=[2]), node("Flatten", "p", "y")], (1, 1, 2), engine)
    found = ox.explain(model, np.array([[[3, 1]]], "f"), "deeplift", 0, baseline=np.array([[[0, 5]]], "f"))
    np.testing.assert_allclose(found.attribution, [[[0, -2]]], atol=1e-5)
    rises = ox.explain(model, np.array([[[0, 5]]], "f"), "deeplift", 0, baseline=np.array([[[3, 1]]], "f"))
    np.testing.assert_allclose(rises.attribution, [[[0, 2]]], atol=1e-5)


@engines
@pytest.mark.parametrize("scale", [2.0, -2.0])
def test_the_box_behind_a_scale_of_either_sign(engine, scale):
    """z = s x + 1, y = w z: contributions w z - low w⁺ - high w⁻ with the bounds of z, which a negative s swaps."""
    nodes = [node("Mul", "x s", "a"), node("Add", "a one", "z"), node("Relu", "z", "r"), node("MatMul", "z w", "y")]
    w = np.array([[3.0], [-1.0]])
    model = loaded(nodes, (1, 2), engine, s=[scale, scale], one=[1, 1], w=w)
    x, low, high = np.array([[0.5, -0.25]]), -1.0, 2.0
    e = ox.explain(model, x.astype("f"), "lrp.epsilon_gamma_box", 0, low=low, high=high, eps=0.0)
    ends = sorted((scale * low + 1, scale * high + 1))
    parts = w[:, 0] * (scale * x[0] + 1) - ends[0] * np.maximum(w[:, 0], 0) - ends[1] * np.minimum(w[:, 0], 0)
    np.testing.assert_allclose(e.attribution[0], parts / parts.sum() * e.score[0], rtol=1e-4)
