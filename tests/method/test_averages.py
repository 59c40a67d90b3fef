"""Averaged methods on networks where the integral, the mean or the variance is known."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import TensorProto, helper

import onnxplain as ox

FEATURES, CLASSES = 6, 3


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f")


def products():
    """Score c = (a_c · x)(b_c · x): its gradient is linear in x, so every average of it has a closed form."""
    a, b = draw(FEATURES, CLASSES, seed=1), draw(FEATURES, CLASSES, seed=2)
    nodes = [node("MatMul", "x a", "p"), node("MatMul", "x b", "q"), node("Mul", "p q", "y")]
    return network(nodes, (1, FEATURES), {"a": a, "b": b}), a.astype(float), b.astype(float)


def slope(a, b, c, x):
    """The gradient of score c at x."""
    return a[:, c] * (x @ b[:, c])[..., None] + b[:, c] * (x @ a[:, c])[..., None]


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_integrated_gradients_of_products(steps):
    """A linear gradient is the one half way, whatever the number of points; every row has a baseline of its own."""
    (model, a, b), x, x0 = products(), draw(4, FEATURES), draw(4, FEATURES, seed=5)
    e = ox.explain(load(model), x, "integrated_gradients", target=1, baseline=x0, steps=steps)
    x, x0 = x.astype(float), x0.astype(float)
    np.testing.assert_allclose(e.attribution, (x - x0) * slope(a, b, 1, (x + x0) / 2), atol=1e-13)
    assert np.abs(e.delta).max() < 1e-13


def test_integrated_gradients_of_a_polynomial():
    """∫ of 5 x⁴ is x⁵: three points are exact for degree 4 and two are not."""
    model = network([node("Pow", "x five", "y")], (1, 3), {"five": np.float32(5)})
    x = draw(2, 3)
    three, two = (ox.explain(load(model), x, "integrated_gradients", target=2, steps=n) for n in (3, 2))
    np.testing.assert_allclose(three.attribution[:, 2], x[:, 2].astype(float) ** 5, rtol=1e-13)
    assert np.abs(two.delta).min() > 1e-3 * np.abs(x[:, 2]).min() ** 5


def test_deepshap_of_products():
    """Two-input Shapley at the product, averaged over baselines."""
    (model, a, b), x, many = products(), draw(3, FEATURES), draw(7, FEATURES, seed=5)
    e = ox.explain(load(model), x, "deepshap", target=[0, 1, 2], baseline=many)
    for row, c, found in zip(x.astype(float), (0, 1, 2), e.attribution, strict=True):
        expected = ((row - many) * slope(a, b, c, (row + many.astype(float)) / 2)).mean(0)
        np.testing.assert_allclose(found, expected, atol=1e-13)
    assert np.abs(e.delta).max() < 1e-13


def test_expected_gradients_of_products():
    """The same random numbers, drawn here; and with many of them, what deepshap says exactly."""
    (model, a, b), x, many = products(), draw(1, FEATURES), draw(5, FEATURES, seed=5).astype(float)
    e = ox.explain(load(model), x, "expected_gradients", target=1, baseline=many, samples=30, random_seed=3)
    rng, found = np.random.default_rng(3), []
    for _ in range(30):
        still = many[rng.integers(5)].astype("f").astype(float)
        found.append((x[0] - still) * slope(a, b, 1, still + rng.uniform() * (x[0] - still)))
    np.testing.assert_allclose(e.attribution[0], np.mean(found, 0), atol=1e-12)
    exact = ox.explain(load(model), x, "deepshap", target=1, baseline=many).attribution
    gaps = [
        np.abs(
            ox.explain(load(model), x, "expected_gradients", target=1, baseline=many, samples=n).attribution - exact
        ).max()
        for n in (100, 10_000)
    ]
    assert gaps[1] < min(gaps[0] / 3, 0.05 * np.abs(exact).max())


def test_smoothgrad_and_vargrad_of_products():
    """The mean and the variance of a linear gradient over noise that is drawn here again."""
    (model, a, b), x = products(), draw(2, FEATURES)
    mean, variance = (
        ox.explain(load(model), x, method, target=1, samples=40, sigma=0.2, random_seed=9).attribution
        for method in ("smoothgrad", "vargrad")
    )
    for i, row in enumerate(x.astype(float)):
        rng = np.random.default_rng(9)
        noise = [rng.standard_normal(FEATURES) * 0.2 * (row.max() - row.min()) for _ in range(40)]
        slopes = slope(a, b, 1, row + np.array(noise))
        np.testing.assert_allclose(mean[i], slopes.mean(0), atol=1e-12)
        np.testing.assert_allclose(variance[i], slopes.var(0), atol=1e-12)


def test_vargrad_tends_to_the_variance_of_a_linear_gradient():
    """Noise of variance s² on x gives gradient i the variance s² Σ_j (a_i b_j + b_i a_j)²."""
    (model, a, b), x = products(), draw(1, FEATURES)
    e = ox.explain(load(model), x, "vargrad", target=0, samples=20_000, sigma=0.5)
    hessian = np.outer(a[:, 0], b[:, 0]) + np.outer(b[:, 0], a[:, 0])
    expected = (0.5 * np.ptp(x.astype(float))) ** 2 * (hessian**2).sum(1)
    np.testing.assert_allclose(e.attribution[0], expected, rtol=0.06)  # 6 of its standard errors, √(2 / 20000)


def test_vargrad_of_a_linear_network_is_exactly_zero():
    model = network([node("MatMul", "x w", "y")], (1, FEATURES), {"w": draw(FEATURES, CLASSES) * 1e4})
    assert not ox.explain(load(model), draw(2, FEATURES), "vargrad").attribution.any()


def test_other_inputs_go_with_their_rows():
    """y = x z with a z for each row: z is that row's at all of its samples, and at its baseline."""
    feeds = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", CLASSES]) for name in "xz"]
    model = network([node("Mul", "x z", "y")], (1, CLASSES), {}, inputs=feeds)
    x, z = draw(3, CLASSES), draw(3, CLASSES, seed=1)
    for method in ("integrated_gradients", "expected_gradients"):
        e = ox.explain(load(model, input="x"), {"x": x, "z": z}, method, target=2)
        np.testing.assert_allclose(e.attribution[:, 2], x[:, 2].astype(float) * z[:, 2], rtol=1e-12)
        assert np.abs(e.delta).max() < 1e-12
