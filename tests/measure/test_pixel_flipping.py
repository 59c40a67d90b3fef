"""Pixel flipping on a linear model: f(x₀) - f(xₖ) is the sum of w (x - u) over what was replaced."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import contribution, linear

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.fill import fill
from onnxplain.measure.pixel_flipping import PixelFlipping


@pytest.mark.parametrize("kind", ["uniform", "baseline", "blur"])
@pytest.mark.parametrize(("region", "steps"), [(None, 100), (2, 100), (2, 4)])
def test_the_curves_of_a_linear_model_are_analytic(region, steps, kind):
    """The relevance is the very cost of each position, so the curve is a cumulative sum of sorted costs."""
    model, x, w = linear()
    data = EvaluationSet.of(model, x, None, 0.0, 3)
    fills = np.stack([fill(kind, data, i, data.rng(i)) for i in range(len(x))])
    costs = w[list(data.target)] * (x - fills)

    def exact(model):
        return lambda *_: costs

    e = ox.evaluate(model, x, [exact], "pixel_flipping", random_seed=3, region=region, steps=steps, fill=kind)
    found, side = e["pixel_flipping", "exact"], region or 1
    for i, cost in enumerate(costs.sum(1)):
        blocks = [cost[y : y + side, z : z + side].sum() for y in range(0, 6, side) for z in range(0, 5, side)]
        for name, ordered in (("morf", sorted(blocks, reverse=True)), ("lerf", sorted(blocks))):
            due = np.cumsum([0, *ordered])[: steps + 1]
            np.testing.assert_allclose(found.curves[name][i], due, atol=1e-6)
        np.testing.assert_allclose(found.values["aopc"][i], found.curves["morf"][i].mean(), rtol=1e-12)
    np.testing.assert_allclose(found.values["abpc"], found.values["aopc"] - found.values["aopc_lerf"])
    # no order falls faster than the exact one
    assert (found.curves["morf"] >= e["pixel_flipping", "random"].curves["morf"] - 1e-6).all()


def test_the_fall_may_be_that_of_the_probability():
    model, x, w = linear()
    options = {"target": 2, "region": 1, "fill": "baseline", "score": "probability"}
    e = ox.evaluate(model, x, [contribution], "pixel_flipping", **options)
    found, bias = e["pixel_flipping", "contribution"], model.canonical.graph.tensors()["b"].values
    for i, row in enumerate(x):
        order, p = np.argsort(-(w[2] * row).sum(0).ravel()), []
        for k in range(31):
            there = row.reshape(2, 30).copy()
            there[:, order[:k]] = 0
            odds = np.exp((w.reshape(3, -1) * there.ravel()).sum(1) + bias)
            p.append(odds[2] / odds.sum())
        np.testing.assert_allclose(found.curves["morf"][i], p[0] - np.array(p), atol=1e-6)


def test_regions_have_9_pixels_at_224():
    sides = PixelFlipping()._sides
    assert [sides(shape) for shape in ((224, 448), (32, 16), (100,))] == [(9, 18), (1, 1), (1,)]
    assert PixelFlipping(region=5)._sides((224, 3)) == (5, 3)


def test_everything_replaced_costs_the_same_in_any_order():
    model, x, _ = linear()
    e = ox.evaluate(model, x, ["gradient"], region=2)
    ends = [e["pixel_flipping", m].curves[c][:, -1] for m in ("gradient", "random") for c in ("morf", "lerf")]
    for end in ends[1:]:
        np.testing.assert_allclose(end, ends[0], rtol=1e-6)


@pytest.mark.parametrize("options", [{"steps": 0}, {"region": 1.5}, {"score": "loss"}, {"fill": "grey"}])
def test_options_are_checked(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        PixelFlipping(**options)
