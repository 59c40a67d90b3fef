"""NORMALISE: `vjp` against central differences of ONNX's formulas; `frozen` against those with statistics held."""

from __future__ import annotations

import numpy as np
import pytest
from one import one, slopes


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def standardise(x, axes, epsilon, held):
    """(x - mean) / σ, with σ from `held`."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(held.var(axes, keepdims=True) + epsilon)


def channels(w, x):
    return w.reshape(1, -1, *(1,) * (x.ndim - 2))


def group(x, held, groups, scale):
    split = (x.shape[0], groups, -1)
    out = standardise(x.reshape(split), 2, 1e-2, held.reshape(split)).reshape(x.shape)
    return out * channels(scale, x)


def neighbours(x, size):
    padded = np.pad(x * x, [(0, 0), ((size - 1) // 2, size // 2)] + [(0, 0)] * (x.ndim - 2))
    return sum(padded[:, k : k + x.shape[1]] for k in range(size))


def lp(x, held, p, axis):
    return x / (np.abs(held) ** p).sum(axis, keepdims=True) ** (1 / p)


S, B = normal(4, seed=5), normal(4, seed=6)

# op, constant inputs, attributes, f(x, h): the op with its statistics computed from h
CASES = {
    "softmax": ("Softmax", [], {"axis": 1}, lambda x, _: softmax(x, 1)),
    "softmax_last": ("Softmax", [], {}, lambda x, _: softmax(x, -1)),
    "log_softmax": ("LogSoftmax", [], {"axis": -2}, lambda x, _: np.log(softmax(x, -2))),
    "layer": (
        "LayerNormalization",
        [normal(5), normal(5)],
        {"epsilon": 1e-2},
        lambda x, h: standardise(x, -1, 1e-2, h) * normal(5) + normal(5),
    ),
    "layer_three_axes": (
        "LayerNormalization",
        [normal(4, 3, 5)],
        {"axis": 1, "epsilon": 1e-2},
        lambda x, h: standardise(x, (1, 2, 3), 1e-2, h) * normal(4, 3, 5),
    ),
    "rms": (
        "RMSNormalization",
        [normal(3, 5)],
        {"axis": 2, "epsilon": 1e-2},
        lambda x, h: x / np.sqrt((h * h).mean((2, 3), keepdims=True) + 1e-2) * normal(3, 5),
    ),
    "instance": (
        "InstanceNormalization",
        [S, B],
        {"epsilon": 1e-2},
        lambda x, h: standardise(x, (2, 3), 1e-2, h) * channels(S, x) + channels(B, x),
    ),
    "group": (
        "GroupNormalization",
        [S, B],
        {"epsilon": 1e-2, "num_groups": 2},
        lambda x, h: group(x, h, 2, S) + channels(B, x),
    ),
    "mean_variance": (
        "MeanVarianceNormalization",
        [],
        {"axes": [0, 2, -1]},
        lambda x, h: (x - x.mean((0, 2, 3), keepdims=True)) / (h.std((0, 2, 3), keepdims=True) + 1e-9),
    ),
    "l1": ("LpNormalization", [], {"p": 1, "axis": 1}, lambda x, h: lp(x, h, 1, 1)),
    "l2": ("LpNormalization", [], {}, lambda x, h: lp(x, h, 2, -1)),
    **{
        f"lrn{size}": (
            "LRN",
            [],
            {"size": size, "alpha": 0.7, "beta": 0.6, "bias": 1.5},
            lambda x, h, size=size: x / (1.5 + 0.7 / size * neighbours(h, size)) ** 0.6,
        )
        for size in (1, 3, 7)  # onnxruntime knows no even ones
    },
}


@pytest.mark.parametrize("name", CASES)
def test_facts(name):
    op, constants, attrs, f = CASES[name]
    x, g = normal(2, 4, 3, 5, seed=1), normal(2, 4, 3, 5, seed=2)
    case = one(op, x, *constants, **attrs)
    y = f(x, x)
    np.testing.assert_allclose(case.runtime_or_reference()[0], y, rtol=1e-4, atol=1e-5)  # f is the op
    site = case.site(y, x)
    vjp, _ = slopes(lambda x: f(x, x), g, x)
    np.testing.assert_allclose(site.vjp(g), vjp, atol=1e-7)
    frozen, _ = slopes(lambda each: f(each, x), g, x)
    expected = vjp if "softmax" in name else frozen
    np.testing.assert_allclose(site.frozen(g), expected, atol=1e-7)


@pytest.mark.parametrize("size", [2, 4])
def test_an_even_number_of_neighbours_reaches_further_up(size):
    def f(x):
        return x / (1.5 + 0.7 / size * neighbours(x, size)) ** 0.6

    x, g = normal(1, 5, 2, seed=1), normal(1, 5, 2, seed=2)
    site = one("LRN", x, size=size, alpha=0.7, beta=0.6, bias=1.5).site(f(x), x)
    np.testing.assert_allclose(site.vjp(g), slopes(f, g, x)[0], atol=1e-7)


def test_a_vector_of_zeros_has_no_direction():
    x = np.zeros((2, 3))
    for p in (1, 2):
        site = one("LpNormalization", x, p=p).site(x, x)
        np.testing.assert_array_equal(site.vjp(np.ones((2, 3))), x)


def test_constant_channels_do_not_divide_by_zero():
    x = np.ones((1, 2, 3, 3))
    case = one("MeanVarianceNormalization", x)
    assert np.isfinite(case.site(0 * x, x).vjp(normal(1, 2, 3, 3))).all()


@pytest.mark.parametrize("name", CASES)
def test_facts_keep_float32(name):
    op, constants, attrs, f = CASES[name]
    x, g = (normal(2, 4, 3, 5, seed=s).astype(np.float32) for s in (1, 2))
    case = one(op, x, *constants, **attrs)
    site = case.site(f(x, x).astype(np.float32), x, dtype="float32")
    assert site.vjp(g).dtype == site.frozen(g).dtype == np.float32
