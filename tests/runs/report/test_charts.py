"""Charts of a report: every number is counted, and a figure stands where it is between its bounds."""

import math
import re

import numpy as np

from onnxplain.runs.audit.gate import Bound
from onnxplain.runs.report.charts import gauge, histogram


def test_the_heights_of_bars_are_the_counts():
    numbers = np.array([0.0, 0.1, 0.1, 0.2, 24.0, math.nan, math.inf])
    found = histogram(numbers, "score")
    heights = [float(each) for each in re.findall(r'<rect [^>]*height="([\d.]+)"', found)]
    assert heights == [110.0, 27.5]
    assert "score: 5 values from 0 to 24" in found
    assert histogram(np.array([math.nan]), "score") == ""


def test_the_point_and_the_part_that_is_allowed():
    found = gauge(0.75, Bound(at_least=0.5))
    assert 'cx="150.0"' in found
    assert 'class="allowed" x1="100.0" x2="200.0"' in found


def test_numbers_beyond_one_have_a_line_of_their_own():
    found = gauge(30.0, Bound(10.0, 20.0))
    point, start = (float(re.search(f'{name}="([0-9.]+)" ', found)[1]) for name in ("cx", 'allowed" x1'))
    assert 0 < start < point < 200
    assert "circle" not in gauge(math.nan, Bound(at_most=1))
