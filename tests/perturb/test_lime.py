"""LIME against scikit-learn's ridge regression on the same samples, and superpixels."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from perturb.rows import Plain, linear, picture

from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.perturb.lime import Lime, _ridge
from onnxplain.perturb.superpixels import features

BLOCKS = np.arange(120).reshape(12, 10) // 30  # four superpixels of three rows each


def test_a_superpixel_is_hidden_by_its_mean_and_its_weight_spread_over_it():
    x = picture()
    row = Plain(x, float, channel_axis=0)
    parts = features(row, BLOCKS * 7 + 3, 50, None)  # labels may have gaps
    np.testing.assert_array_equal(parts.labels, BLOCKS)
    for label in range(4):
        part = label == BLOCKS
        np.testing.assert_allclose(parts.hidden[:, part], np.repeat(x[:, part].mean(1)[:, None], part.sum(), 1))
    weights = np.array([1.0, -2.0, 3.0, 0.5])
    np.testing.assert_allclose(np.bincount(BLOCKS.ravel(), parts.spread(weights).ravel()), weights)


@pytest.mark.parametrize("channel_axis", [0, 2, None])
def test_means_wherever_the_channels_are(channel_axis):
    x = picture() if channel_axis is not None else picture()[0]
    x = np.moveaxis(x, 0, channel_axis) if channel_axis == 2 else x
    parts = features(Plain(x, float, channel_axis=channel_axis), BLOCKS, 50, None)
    planes = x[None] if channel_axis is None else np.moveaxis(x, channel_axis, 0)
    hidden = parts.hidden[None] if channel_axis is None else np.moveaxis(parts.hidden, channel_axis, 0)
    np.testing.assert_allclose(hidden[0][BLOCKS == 2], planes[0][BLOCKS == 2].mean())


def test_without_penalty_a_linear_function_has_its_own_weights():
    x = picture()
    w, f = linear(x)
    row = Plain(x, f, channel_axis=0)
    hidden = features(row, BLOCKS, 50, None).hidden
    found = Lime(samples=40, ridge=0.0, superpixels=BLOCKS).explain(row)
    due = np.bincount(BLOCKS.ravel(), (w * (x - hidden)).sum(0).ravel())
    np.testing.assert_allclose(np.bincount(BLOCKS.ravel(), found.map.ravel()), due, atol=1e-10)


def test_a_table_has_a_feature_per_column_hidden_by_the_baseline():
    x, baseline = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.0, -1.0])
    w, f = linear(x)
    found = Lime(samples=50, ridge=0.0).explain(Plain(x, f, baseline=baseline))
    np.testing.assert_allclose(found.map, w * (x - baseline), atol=1e-12)


@pytest.mark.parametrize(("ridge", "width"), [(1.0, 0.25), (0.1, 0.6)])
def test_the_regression_as_it_is_stated(ridge, width):
    """min Σ π(z) (F(z) - b - w z)² + ridge |w|² as one least-squares problem, on the same draws."""
    x = np.array([1.0, -2.0, 0.5, 3.0, 1.5, -1.0])
    f = lambda row: float(np.tanh(row[0] * row[1]) + row[2:].prod() + row.sum() ** 2)  # noqa: E731
    found = Lime(samples=30, ridge=ridge, width=width).explain(Plain(x, f, seed=8)).map
    z = np.random.default_rng(8).integers(0, 2, (30, 6), np.int8)
    z[0] = 1
    distance = [1 - each.sum() / np.sqrt(each.sum() * 6) if each.any() else 1.0 for each in z]
    root = np.array([np.sqrt(np.sqrt(np.exp(-(d**2) / width**2))) for d in distance])
    design = np.concatenate([root[:, None] * np.c_[np.ones(30), z], np.sqrt(ridge) * np.eye(7)[1:]])
    scores = np.concatenate([root * [f(x * each) for each in z], np.zeros(6)])
    np.testing.assert_allclose(found, np.linalg.lstsq(design, scores)[0][1:], rtol=1e-8)


def test_a_long_signal_has_a_feature_for_each_stretch():
    x = picture((8000,))
    labels = features(Plain(x, np.sum), "slic", 50, None).labels
    np.testing.assert_array_equal(labels, np.repeat(np.arange(50), 160))
    assert features(Plain(x, np.sum, named=True), "slic", 50, None).labels.max() == 7999
    assert features(Plain(x[None, :300], np.sum), "slic", 1000, None).labels.max() == 299


@pytest.mark.peer
def test_the_regression_is_scikit_learn_s():
    sklearn = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    z, scores, near = rng.integers(0, 2, (60, 8)).astype(float), rng.normal(size=60), rng.random(60)
    theirs = sklearn.Ridge(alpha=1.0, fit_intercept=True).fit(z, scores, sample_weight=near)
    np.testing.assert_allclose(_ridge(z, scores, near, 1.0), theirs.coef_, atol=1e-12)


@pytest.mark.parametrize("superpixels", ["slic", "quickshift"])
@pytest.mark.parametrize("channels", [1, 3, 5, None])
def test_superpixels_are_the_parts_of_a_picture(superpixels, channels):
    pytest.importorskip("skimage")
    x = np.zeros((32, 32))
    x[:, 16:] += 1
    x[16:] += 2
    x = x if channels is None else np.stack([x] * channels) * np.linspace(1, 0.5, channels)[:, None, None]
    for axis in {None} if channels is None else {0, 2}:
        moved = x if axis is None else np.moveaxis(x, 0, axis)
        labels = features(Plain(moved, float, channel_axis=axis), superpixels, 16, None).labels
        quarters = [set(labels[key].ravel()) for key in (np.s_[:16, :16], np.s_[:16, 16:], np.s_[16:, :16])]
        assert labels.shape == (32, 32) and not set.intersection(*quarters)
        assert sorted(set(labels.ravel())) == list(range(labels.max() + 1))


def test_a_single_superpixel_says_nothing():
    pytest.importorskip("skimage")
    with pytest.raises(UsageError, match=r'single superpixel.*take "slic"'):
        features(Plain(picture((1, 16, 16)), float, channel_axis=0), "quickshift", 9, None)


def test_what_helps_where_slic_finds_a_single_superpixel_in_noise():
    pytest.importorskip("skimage")
    noise = Plain(np.random.default_rng(1).uniform(size=(3, 32, 32)), float, channel_axis=0)
    with pytest.raises(UsageError, match="ask for more segments than 50") as problem:
        features(noise, "slic", 50, None)
    assert features(noise, "slic", 500, None).labels.max() > 1
    rows, columns = np.arange(32) * 4 // 32, np.arange(32) * 4 // 32
    assert str(problem.value).endswith("are np.add.outer(4 * (np.arange(32) * 4 // 32), np.arange(32) * 4 // 32)")
    assert features(noise, np.add.outer(4 * rows, columns), 50, None).labels.max() == 15


def test_the_missing_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("skimage"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    x = picture()
    with pytest.raises(MissingExtraError, match=r"onnxplain\[lime\]"):
        Lime().explain(Plain(x, linear(x)[1], channel_axis=0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"superpixels": "felzenszwalb"}, "quickshift"),
        ({"superpixels": np.zeros((3, 3), int)}, r"expected whole numbers, \(12, 10\)"),
        ({"superpixels": np.zeros((12, 10))}, "whole numbers"),
        ({"samples": 0}, "samples=0"),
        ({"width": 0.0}, "width=0.0"),
        ({"ridge": -1}, "ridge=-1"),
        ({"segments": 0}, "segments=0"),
    ],
)
def test_parameters_that_make_no_sense(options, words):
    x = picture()
    with pytest.raises(UsageError, match=words):
        Lime(**options).explain(Plain(x, linear(x)[1], channel_axis=0))
