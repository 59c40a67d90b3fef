"""Every parameter of every method says what it means, in which unit, and what it takes; and it takes just that."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.method import parameters
from onnxplain.method.registry import METHODS

EVERY = [(method, name) for method, spec in METHODS.items() for name in spec.parameters]
BOUND = re.compile(r"^(whole numbers|numbers), (-?[\d.e-]+) (or more|to ([\d.]+))")
AT_CALL = {"window", "stride", "blur", "spread", "jitter", "step", "sigma", "areas", "segments"}
"""Sizes, some of which are checked where the picture is known."""


@pytest.fixture(scope="module")
def model():
    return ox.load(relu_cnn()[0])


@pytest.mark.parametrize(("method", "name"), EVERY)
def test_every_parameter_has_all_three_and_its_default(method, name):
    found = ox.parameters(method)[name]
    assert found.meaning and found.unit and found.range
    default = METHODS[method].parameters[name]
    assert found.required == (default is inspect.Parameter.empty)
    assert found.required or found.default is default


def test_nothing_is_described_that_no_method_has():
    used = {name for _, name in EVERY}
    own = set(parameters.OWN)
    assert own <= set(EVERY)
    assert set(parameters.COMMON) <= used
    assert not [name for name in parameters.COMMON if all((m, n) in own for m, n in EVERY if n == name)]


@pytest.mark.parametrize(
    ("method", "name"), [pair for pair in EVERY if pair[1] not in AT_CALL and pair[0] != "tree_shap"]
)
def test_what_is_out_of_range_is_refused_and_its_ends_are_taken(model, method, name):
    bound = BOUND.match(ox.parameters(method)[name].range)
    needs = {"low": 0.0, "high": 1.0} if "low" in METHODS[method].parameters else {}
    needs |= {"alpha": 1.0} if (method, name) == ("lrp.alpha_beta", "beta") else {}
    if ox.parameters(method)[name].range == "True or False":
        for value in (True, False):
            ox.Explainer(model, method, **{name: value, **needs})
        with pytest.raises(UsageError):
            ox.Explainer(model, method, **{name: 1, **needs})
    elif bound:
        kind, low, _, high = bound.groups()
        low, pair = float(low), {"beta": 0.0} if name == "alpha" else {}
        taken = int(low) if kind == "whole numbers" else low
        ox.Explainer(model, method, **{**needs, **pair, name: taken})
        outside = [low - 1, low - 1e-3] + ([float(high) + 1e-3] if high else [])
        for value in [int(low) - 1, 1.5] if kind == "whole numbers" else outside:
            with pytest.raises(UsageError):
                ox.Explainer(model, method, **{**needs, **pair, name: value})
        if high:
            ox.Explainer(model, method, **{**needs, name: float(high)})


def test_it_prints_as_a_list_for_people():
    lines = str(ox.parameters("lime")).splitlines()
    assert lines[:3] == [
        "samples = 1000",
        "    samples, each of which shows every feature with probability 1/2",
        "    whole numbers, 1 or more",
    ]
    assert str(ox.parameters("gradient")) == "no parameters"
    box = str(ox.parameters("lrp.epsilon_gamma_box")).splitlines()
    assert box[0] == "low, required" and box[2].endswith("unit: that of the model's input")
    with pytest.raises(UsageError, match="did you mean 'lime'"):
        ox.parameters("limee")


def test_a_method_of_ones_own_is_described_by_what_is_known(monkeypatch):
    """A parameter that nobody has described keeps its name and default."""
    from onnxplain.method.walk_method import WalkSpec

    def mine(eps: float = 0.1, taste: str = "salt"):
        """Mine."""

    monkeypatch.setitem(METHODS, "mine", WalkSpec("mine", mine))
    found = ox.parameters("mine")
    assert found["eps"].default == 0.1 and "denominator" in found["eps"].meaning
    assert found["taste"].default == "salt" and found["taste"].meaning == "not described"
    assert np.all([each.range for each in found.values()])
