"""Results are themselves and nothing else: their arrays have no one truth value."""

from __future__ import annotations

import pytest
from nets import DIGITS, digits

import onnxplain as ox

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
