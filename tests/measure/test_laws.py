"""Completeness, sensitivity and infidelity where their values are known."""

from __future__ import annotations

import numpy as np
import pytest
from measure.linear import contribution, linear
from nets import relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.measure.evaluation_set import EvaluationSet
from onnxplain.measure.infidelity import Infidelity
from onnxplain.measure.judged import judges
from onnxplain.measure.sensitivity import Sensitivity


def constant(model):
    return lambda feeds, _: np.ones_like(feeds["x"])


def nothing(model):
    return lambda feeds, _: np.zeros_like(feeds["x"])


# --- completeness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["deeplift", "integrated_gradients", "lrp.zero"])
def test_what_conserves_has_no_gap(method):
    model, x = relu_cnn(bias=False)
    options = {"baseline": 0.3} if method != "lrp.zero" else {}
    e = ox.evaluate(ox.load(model, precision="float64"), x, [method], "completeness", **options)
    bound = 0.02 if method == "integrated_gradients" else 1e-8  # its quadrature is exact between two kinks only
    assert e["completeness", method].values["relative_gap"].max() < bound
    assert e["completeness", "random"].values["relative_gap"].min() > bound


def test_the_gap_of_what_promises_nothing_is_from_the_difference_to_the_baseline():
    model, x, w = linear()
    e = ox.evaluate(model, x, ["gradient", constant], "completeness", target=1, baseline=0.5)
    due = (w[1] * (x - 0.5)).sum((1, 2, 3))
    np.testing.assert_allclose(e["completeness", "gradient"].values["gap"], np.abs(w[1].sum() - due), rtol=1e-6)
    np.testing.assert_allclose(e["completeness", "constant"].values["gap"], np.abs(60 - due), rtol=1e-6)
    relative = e["completeness", "constant"].values["relative_gap"]
    np.testing.assert_allclose(relative, np.abs(60 - due) / np.abs(due), rtol=1e-6)


# --- sensitivity ------------------------------------------------------------------------------------------------------


def test_a_constant_explanation_is_not_sensitive_and_noise_is():
    model, x, _ = linear()
    e = ox.evaluate(model, x, ["gradient", constant, nothing], "sensitivity")
    for name in ("gradient", "constant", "nothing"):
        assert (e["sensitivity", name].values["max_sensitivity"] == 0).all()
    # two independent normal maps of n elements differ by √2 of their norm, up to about 1/√n
    assert (np.abs(e["sensitivity", "random"].values["max_sensitivity"] - 2**0.5) < 0.6).all()


def test_the_sensitivity_of_contributions_of_a_linear_model_is_that_of_the_input():
    model, x, w = linear()
    measure = Sensitivity(samples=7, radius=0.1)
    found = ox.evaluate(model, x, [contribution], [measure], target=2, random_seed=4)
    data = EvaluationSet.of(model, x, 2, 0.0, 4)
    for i, value in enumerate(found["sensitivity", "contribution"].values["max_sensitivity"]):
        near = np.stack(list(measure.near(data, i)))
        reach = 0.1 * (x[i].max() - x[i].min())
        assert np.abs(near - x[i]).max() <= reach * (1 + 1e-6)
        assert (near - x[i]).min() < -0.9 * reach and (near - x[i]).max() > 0.9 * reach
        changes = [np.linalg.norm(w[2] * (y - x[i])) for y in near]
        assert value == pytest.approx(max(changes) / np.linalg.norm(w[2] * x[i]), rel=1e-6)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_sensitivity_is_the_same_however_many_draws_are_explained_at_once(at_once, monkeypatch):
    model, x, _ = linear()
    data = EvaluationSet.of(model, x, 2, 0.0, 4)
    judged, measure = judges([contribution, "smoothgrad"], data), Sensitivity(samples=5)
    wanted = [measure(data, each).values["max_sensitivity"] for each in judged]
    sizes = []

    def counted(model):
        return lambda feeds, target: (sizes.append(len(target)), contribution(model)(feeds, target))[1]

    monkeypatch.setattr(EvaluationSet, "at_once", at_once)
    for each, numbers in zip(judged, wanted, strict=True):
        np.testing.assert_array_equal(measure(data, each).values["max_sensitivity"], numbers)
    watched = judges([counted], data)[0]
    watched.maps  # noqa: B018
    sizes.clear()
    measure(data, watched)
    assert max(sizes) == at_once and sum(sizes) == 5 * len(x)


# --- infidelity -------------------------------------------------------------------------------------------------------


def test_a_method_is_a_slope_by_its_own_name_whatever_it_is_called():
    model, x, _ = linear()
    ways = {"mine": "gradient", "gradient": "deeplift"}
    for options in ({}, {"slopes": "gradient"}):
        e = ox.evaluate(model, x, ways, "infidelity", baseline=0.4, samples=50, **options)
        for name in ways:
            assert e["infidelity", name].values["infidelity"].max() < 1e-9


def test_a_function_is_a_slope_by_what_it_is_called():
    model, x, w = linear()
    ways = {"mine": lambda _: lambda _, target: w[target]}
    e = ox.evaluate(model, x, ways, "infidelity", samples=50, slopes=["mine"])
    assert e["infidelity", "mine"].values["infidelity"].max() < 1e-9


@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "integrated_gradients", "deeplift"])
def test_a_linear_model_is_explained_without_infidelity(method):
    model, x, _ = linear()
    e = ox.evaluate(model, x, [method], "infidelity", baseline=0.4, samples=50)
    assert e["infidelity", method].values["infidelity"].max() < 1e-9
    assert e["infidelity", method].values["unexplained"].max() < 1e-9
    assert e["infidelity", "random"].values["unexplained"].min() > 0.3


def test_each_cell_is_hidden_with_the_probability_that_is_stated():
    masks = Infidelity(samples=3000, grid=4, hidden=0.2).masks((8, 8), np.random.default_rng(0))
    blocks = masks.reshape(3000, 4, 2, 4, 2)
    assert (blocks == blocks[:, :, :1, :, :1]).all(), "cells of 2 x 2 positions"
    np.testing.assert_allclose(blocks.mean((0, 2, 4)), 0.2, atol=0.05)


def test_the_scale_of_an_explanation_counts_for_infidelity_alone():
    model, x, w = linear()

    def twice(model):
        return lambda feeds, target: 2 * w[target] * feeds["x"]

    e = ox.evaluate(model, x, [twice, nothing], [Infidelity(samples=60)], target=0)
    data = EvaluationSet.of(model, x, 0, 0.0, 0)
    for i in range(len(x)):
        masks = Infidelity(samples=60).masks((6, 5), data.rng(i))
        square = np.mean([(w[0] * x[i] * mask).sum() ** 2 for mask in masks])
        # 2 Δf - Δf and 0 - Δf
        for name in ("twice", "nothing"):
            assert e["infidelity", name].values["infidelity"][i] == pytest.approx(square, rel=1e-5)
    assert e["infidelity", "twice"].values["unexplained"].max() < 1e-9
    assert (e["infidelity", "nothing"].values["unexplained"] == 1).all()


@pytest.mark.parametrize(
    ("measure", "options"),
    [
        (Infidelity, {"hidden": 0}),
        (Infidelity, {"samples": 0}),
        (Sensitivity, {"radius": -1.0}),
        (Sensitivity, {"samples": "3"}),
    ],
)
def test_options_are_checked(measure, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        measure(**options)
