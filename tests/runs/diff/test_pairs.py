"""Matching of rows: keys of equal content are told apart, and a class is found by its label."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.runs.diff.classes import NOT_ITS_CLASS, Classes, predicted
from onnxplain.runs.diff.pairs import _earlier


def test_earlier_rows_of_a_key_are_counted():
    keys = np.array([7, 3, 7, 7, 5, 3], np.uint64)
    assert _earlier(keys).tolist() == [0, 0, 1, 2, 0, 1]


def test_classes_are_matched_by_label_where_both_have_labels():
    classes = Classes(["cat", "dog", "owl"], ["background", "dog", "cat"])
    assert [classes.in_b(i) for i in range(3)] == [2, 1, None]
    assert Classes(["cat", "dog"], None).in_b(1) == 1
    assert Classes(["crane", "crane"], ["crane", "crane"]).in_b(1) == 1


@pytest.mark.parametrize(("scores", "index"), [([0.1, 3, 2], 1), ([0.4], 0), ([-0.4], NOT_ITS_CLASS)])
def test_the_predicted_class(scores, index):
    assert predicted(np.array(scores)) == index
    assert Classes(["cat"], None).name_a(NOT_ITS_CLASS) == "not cat"
