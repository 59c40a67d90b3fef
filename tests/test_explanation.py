"""Results are themselves and nothing else: their arrays have no one truth value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nets import DIGITS, digits
from PIL import Image

import onnxplain as ox
from onnxplain.errors import UsageError

MODEL = digits()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ox.explain(MODEL, DIGITS[:2], "gradient"),
        lambda: ox.compare(MODEL, DIGITS[:1], ["gradient"]),
        lambda: ox.evaluate(MODEL, DIGITS[:1], ["gradient"], ["completeness"]),
        digits,
    ],
    ids=["explanation", "comparison", "evaluation", "model"],
)
def test_a_result_is_equal_to_itself_alone(make):
    a, b = make(), make()
    assert a == a and a != b  # noqa: PLR0124
    assert {a: "a", b: "b"}[a] == "a"


def test_what_an_evaluation_found_is_equal_to_itself_alone():
    a, b = (ox.evaluate(MODEL, DIGITS[:2], ["gradient"], ["completeness"]) for _ in range(2))
    key = next(iter(a.results))
    assert a[key] == a[key] and a[key] != b[key] and len({a[key], b[key]}) == 2


def test_what_was_found_in_plain_types():
    e = ox.explain(MODEL, DIGITS[:2], "lrp.epsilon")
    found = e.to_dict()
    assert {name: found[name] for name in e.record} == e.record
    assert found["labels"] == list(e.labels)
    assert found["score"] == e.score.tolist() and found["delta"] == e.delta.tolist()
    assert "\n".join(found["plan"]) == str(e.plan)
    occluded = ox.explain(MODEL, DIGITS[0], "occlusion", window=8, stride=8).to_dict()
    assert occluded["delta"] is None and occluded["plan"] == []


def test_a_map_goes_back_to_the_picture_as_it_came():
    """Each half of a wide picture is explained as the middle of it alone; the sides were never seen."""
    crop = replace(MODEL.preprocess, crop=1.0)
    model = ox.load(MODEL.source, preprocess=crop)
    wide = Image.new("L", (300, 160))
    with Image.open(DIGITS[0]) as digit:
        wide.paste(digit.resize((160, 160), Image.Resampling.NEAREST), (70, 0))
    e = ox.explain(model, [wide, DIGITS[0]], "gradient")
    back = e.at_original()
    assert back.shape == (160, 300) and back.dtype == np.float32
    assert np.isnan(back[:, :70]).all() and np.isnan(back[:, 230:]).all() and np.isfinite(back[:, 70:230]).all()
    np.testing.assert_allclose(back[5::10, 75:230:10], e.relevance[0], atol=0.2 * np.abs(e.relevance[0]).max())
    assert np.array_equal(e.at_original(1), e.relevance[1]), "a picture of the model's own size"
    for row in (2, -1, None):
        with pytest.raises(UsageError, match="row"):
            e.at_original(row)
    with pytest.raises(UsageError, match="at_original"):
        ox.explain(model, np.zeros((1, *e.inputs.shape[1:]), "f"), "gradient").at_original()
