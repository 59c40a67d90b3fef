"""Blur IG and Guided IG: their laws, and the paths by hand."""

from __future__ import annotations

import numpy as np
import pytest
from encoder import IDS, bert
from nets import DIGITS, digits, network, node, relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.method.paths import BlurPath, GuidedPath
from onnxplain.resample import blurred


def load(model, **options):
    return ox.load(model, precision="float64", **options)


def sums(e):
    return e.attribution.reshape(len(e.score), -1).sum(1)


def points(path, x, start, gradient, axis=None):
    """The points of a path, and the attribution, for a function of this gradient."""
    following, found = path.follow(x, start, axis), []
    point = next(following)
    while True:
        found.append(point)
        try:
            point = following.send(gradient(point))
        except StopIteration as end:
            return found, end.value


def test_blur_ig_sums_to_the_difference_from_the_blur():
    model, x = relu_cnn()
    gaps = [np.abs(ox.explain(load(model), x, "blur_ig", steps=n, target=1).delta).max() for n in (10, 100, 1000)]
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2] and gaps[2] < 1e-3
    e = ox.explain(load(model), x, "blur_ig", target=1, sigma=3)
    start = np.stack([BlurPath(sigma=3).start(row, row, 0) for row in x])
    there = ox.explain(load(model), start, "gradient", target=1)
    np.testing.assert_allclose(sums(e) - e.delta, e.score - there.score, rtol=1e-6)
    assert e.conservation.line(0).endswith("of the difference from the blur arrived at the input")


@pytest.mark.parametrize("sigma", [1.5, 4.0])
def test_a_blur_is_a_gaussian_with_a_mirrored_border(sigma):
    x = np.random.default_rng(0).normal(size=(2, 13, 10))
    found = BlurPath(sigma=sigma).start(x, x, 0)
    np.testing.assert_allclose(found, blurred(x, (sigma, sigma), 1), atol=3e-4)
    np.testing.assert_allclose(found.mean((1, 2)), x.mean((1, 2)), atol=1e-12)


def test_the_default_blur_is_in_proportion_to_each_side():
    x = np.random.default_rng(0).normal(size=(1, 56, 28))
    found = BlurPath().start(x, x, 0)
    np.testing.assert_allclose(found, blurred(blurred(x, (12.5,), 1), (6.25,), 2), atol=1e-3)


def test_a_vector_has_no_blur():
    model = load(network([node("MatMul", "x w", "y")], (1, 3), {"w": np.eye(3, dtype="f")}))
    with pytest.raises(UsageError, match="the columns of a table have no neighbours"):
        ox.explain(model, np.ones((1, 3), "f"), "blur_ig")
    with pytest.raises(UsageError, match="token ids, do not blur"):
        ox.explain(ox.load(bert()), {"ids": IDS}, "blur_ig")


def test_guided_ig_moves_the_flattest_elements_first():
    """Free to leave the line, four elements of one length, a step a quarter: one after another by |gradient|."""
    x, slopes = np.ones(4), np.array([3.0, -1.0, 2.0, 0.5])
    path = GuidedPath(steps=4, fraction=0.0, distance=1.0)
    way, found = points(path, x, np.zeros(4), lambda _: slopes)
    np.testing.assert_allclose(way, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 1]], atol=1e-12)
    np.testing.assert_allclose(found, slopes, atol=1e-12)


@pytest.mark.parametrize(("fraction", "distance"), [(0.25, 0.02), (0.1, 0.3), (1.0, 0.0), (0.5, 1.0)])
def test_each_step_of_guided_ig_goes_its_part_of_the_way_near_the_line(fraction, distance):
    rng = np.random.default_rng(1)
    x, start, w = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 5, 4))
    x[0, 0] = start[0, 0]
    path = GuidedPath(steps=20, fraction=fraction, distance=distance)
    way, found = points(path, x, start, lambda point: np.cos(point * 3) * w)
    whole = np.abs(x - start).sum()
    for k, point in enumerate(way):
        np.testing.assert_allclose(np.abs(x - point).sum(), whole * (1 - k / 20), atol=1e-7 * whole)
        line = start + (x - start) * k / 20
        assert (np.abs(point - line) <= (distance + 1e-9) * np.abs(x - start)).all()
    assert (found[0, 0] == 0).all()


def test_guided_ig_on_the_line_is_integrated_gradients():
    """distance=0, by the left end of each step."""
    model, x = relu_cnn()
    e = ox.explain(load(model), x, "guided_ig", distance=0.0, steps=400, target=1)
    straight = ox.explain(load(model), x, "integrated_gradients", steps=400, target=1)
    np.testing.assert_allclose(e.attribution, straight.attribution, atol=0.02 * np.abs(straight.attribution).max())


def test_guided_ig_completes_as_it_comes_near_the_line_and_the_steps_shrink():
    model, x = relu_cnn()
    gaps = [
        np.abs(ox.explain(load(model), x, "guided_ig", steps=n, target=1, distance=distance).delta).max()
        for n, distance in ((200, 0.2), (200, 0.02), (1000, 0.001))
    ]
    assert gaps[0] > 2 * gaps[1] > 20 * gaps[2]


@pytest.mark.parametrize("method", ["guided_ig", "blur_ig"])
def test_rows_alone_and_in_any_engine_are_the_same(method):
    model, x = relu_cnn()
    exact = ox.explain(load(model), x, method, [2, 0, 1], steps=12)
    alone = ox.explain(load(model), x[1:2], method, 0, steps=12)
    np.testing.assert_allclose(alone.attribution[0], exact.attribution[1], atol=1e-12)
    fixed = type(model)()
    fixed.CopyFrom(model)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    two = ox.explain(load(fixed), x, method, [2, 0, 1], steps=12)
    np.testing.assert_allclose(two.attribution, exact.attribution, atol=1e-12)
    fast = ox.explain(ox.load(model), x, method, [2, 0, 1], steps=12)
    assert fast.attribution.dtype == np.float32
    np.testing.assert_allclose(fast.attribution, exact.attribution, atol=0.02 * np.abs(exact.attribution).max())


def test_guided_ig_of_tokens_goes_between_embeddings():
    e = ox.explain(ox.load(bert()), {"ids": IDS}, "guided_ig", target=0, steps=50)
    assert e.attribution.shape == IDS.shape and np.abs(e.delta).max() < 0.1


def test_channels_may_come_last():
    maps = [
        ox.explain(digits(name), DIGITS[:1], "blur_ig", steps=10) for name in ("digits_cnn_torch", "digits_cnn_keras")
    ]
    a, b = (each.relevance for each in maps)
    np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(a).max())
