"""Bounds, and how the numbers of rows become a verdict."""

import math

import numpy as np
import pytest

from onnxplain.errors import UsageError
from onnxplain.runs.audit.gate import Bound, Measured, judge


@pytest.mark.parametrize(
    ("bound", "figure", "holds"),
    [
        (Bound(at_least=0.5), 0.5, True),
        (Bound(at_least=0.5), 0.49, False),
        (Bound(at_most=0.5), 0.5, True),
        (Bound(at_most=0.5), 0.51, False),
        (Bound(0.2, 0.4), 0.3, True),
        (Bound(0.2, 0.4), 0.41, False),
        (Bound(at_most=0.5), math.nan, False),
        (Bound(at_least=0.5), math.nan, False),
        (Bound(at_least=0.5), math.inf, False),
    ],
)
def test_a_bound_holds_inside_and_never_of_what_is_not_finite(bound, figure, holds):
    assert bound.holds(figure) is holds


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "no bound"), ({"at_least": 2, "at_most": 1}, "nothing is both"), ({"at_most": "1"}, "expected numbers"),
     ({"at_most": math.nan}, "expected numbers"), ({"at_most": True}, "expected numbers"),
     ({"at_most": math.inf}, "expected numbers that are finite")],
)  # fmt: skip
def test_a_bound_that_makes_no_sense_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        Bound(**given)


def found(*numbers):
    return Measured([f"row{i}" for i in range(len(numbers))], np.array(numbers, float), "share")


@pytest.mark.parametrize(
    ("bound", "over", "figure", "worst", "passed"),
    [
        (Bound(at_most=0.5), "mean", 0.4, "row2", True),
        (Bound(at_most=0.5), "worst", 0.9, "row2", False),
        (Bound(at_most=0.5), "median", 0.2, "row2", True),
        (Bound(at_least=0.1), "mean", 0.4, "row0", True),
        (Bound(at_least=0.15), "worst", 0.1, "row0", False),
        (Bound(0.0, 0.85), "worst", 0.9, "row2", False),
    ],
)
def test_figure_and_worst_row(bound, over, figure, worst, passed):
    finding = judge("g", "region", found(0.1, 0.2, 0.9), bound, over)
    assert finding.figure == pytest.approx(figure)
    assert finding.worst[0] == worst
    assert finding.passed is passed
    assert f"worst {worst}" in str(finding)


def test_nan_is_the_worst_row_and_fails_the_gate():
    finding = judge("g", "region", found(0.1, math.nan, 0.9), Bound(at_most=1), "mean")
    assert not finding.passed
    assert finding.worst[0] == "row1"
    assert finding.to_dict()["figure"] is None
    assert finding.to_dict()["not_finite"] == ["figure", "worst.number"]


def test_a_gate_that_saw_no_row_says_nothing():
    with pytest.raises(UsageError, match="no row to measure: 3 rows without a mask"):
        judge("g", "region", Measured([], np.zeros(0), "share", "3 rows without a mask"), Bound(at_most=1), "mean")
