"""Parameters that make no sense are refused by name, whatever the method."""

from __future__ import annotations

import numpy as np
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.method.registry import METHODS

SEEDED = [name for name, method in METHODS.items() if "random_seed" in method.parameters]


@pytest.fixture(scope="module")
def model():
    return ox.load(relu_cnn()[0])


@pytest.mark.parametrize("value", [None, -1, "a", 1.5, float("nan"), [], True], ids=str)
@pytest.mark.parametrize("method", SEEDED)
def test_random_numbers_start_from_a_whole_number(model, method, value):
    with pytest.raises(UsageError, match=r"random_seed=.*expected a whole number, 0 or more"):
        ox.Explainer(model, method, random_seed=value)


@pytest.mark.parametrize("method", SEEDED)
def test_a_whole_number_of_numpy_is_one(model, method):
    ox.Explainer(model, method, random_seed=np.int64(3))


@pytest.mark.parametrize(
    ("method", "parameter"),
    [
        *((name, "relu") for name in METHODS if "relu" in METHODS[name].parameters),
        ("rise", "centre"),
        ("extremal_perturbation", "flip"),
        ("deeplift.reveal_cancel", "everywhere"),
        ("guided_backprop", "force"),
    ],
)
def test_a_switch_is_true_or_false(model, method, parameter):
    with pytest.raises(UsageError, match=f"{parameter}='no': expected True or False"):
        ox.Explainer(model, method, **{parameter: "no"})


@pytest.mark.parametrize("value", ["a", None, [], True], ids=str)
@pytest.mark.parametrize("method", ["smoothgrad", "vargrad"])
def test_noise_is_a_number(model, method, value):
    with pytest.raises(UsageError, match="sigma="):
        ox.Explainer(model, method, sigma=value)


@pytest.mark.parametrize("value", [5, [], ["gradient"]], ids=str)
def test_a_method_is_a_name(model, value):
    with pytest.raises(UsageError, match="unknown method"):
        ox.Explainer(model, value)
    with pytest.raises(UsageError, match="unknown method"):
        ox.Explainer(model, "smoothgrad", of=value)


@pytest.mark.parametrize("value", [np.zeros(2), [], None, "grey"], ids=str)
def test_what_is_seen_instead_is_a_word_or_a_number(model, value):
    with pytest.raises(UsageError, match=r"value=.*expected"):
        ox.explain(model, relu_cnn()[1][:1], "occlusion", value=value)


@pytest.mark.parametrize("value", [5, [], "nowhere"], ids=str)
def test_a_preset_is_a_name(model, value):
    with pytest.raises(UsageError, match="no preset"):
        ox.Explainer(model, "lime", preset=value)
