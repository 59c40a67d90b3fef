"""The words of a picture: what was decided and explained, in units that every method has."""

import numpy as np
import pytest
from made import explanation
from nets import digits

import onnxplain as ox
from onnxplain.method.registry import METHODS
from onnxplain.show.words import _UNITS, PART, Words, words_of


def test_every_unit_is_that_of_a_method_and_conserved_numbers_are_parts_of_the_score():
    assert set(_UNITS) <= set(METHODS)
    for name, spec in METHODS.items():
        assert not spec.conserves or _UNITS.get(name, PART) == PART, name


def test_the_target_is_named_with_its_place_among_the_scores():
    e = explanation(np.zeros((1, 3)), np.zeros((1, 3)), target=np.array([2]), prediction=np.array([[3.0, 1.0, 2.0]]))
    assert words_of(e, 0).subtitle == "gradient; target class 2, the 2nd highest of 3 scores"
    one = explanation(np.zeros((1, 3)), np.zeros((1, 3)), prediction=np.array([[3.0]]))
    assert words_of(one, 0).subtitle == "gradient; target class 0"


def test_relevance_is_told_in_per_cent_of_what_is_shared_out():
    assert Words(due=-20.0).share(0.01) == "0.05 %"
    assert Words(due=0.5).share(1.0) == "200 %"
    assert Words().share(0.01) == ""


@pytest.mark.parametrize("method", ["lrp.epsilon", "gradient"])
def test_the_words_are_those_of_the_explanation(method):
    model = digits()
    e = ox.explain(model, np.zeros((1, 1, 16, 16), "f"), method)
    said = words_of(e, 0)
    assert said.title == f"{e.labels[0]}: score {e.score[0]:.4g}", "the file has no head"
    assert (said.due is None) == (e.conservation is None)
