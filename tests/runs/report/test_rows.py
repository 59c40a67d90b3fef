"""What a report gathers of a run: classes with their mean maps, and the rows that are shown."""

import numpy as np
import pytest

from onnxplain.runs.read import Row
from onnxplain.runs.report.rows import chosen, read


class Rows:
    """A run of rows that are given."""

    def __init__(self, *rows):
        self._rows = rows

    def rows(self):
        return iter(self._rows)


def row(index, label="cat", score=1.0, probability=None, delta=None, relevance=(1.0, 1.0)):
    given = {"name": f"{index}.png", "sha256": "", "target": 0, "label": label, "scores": np.zeros(2)}
    numbers = {"score": score, "probability": probability, "delta": delta}
    return Row(index=index, **given, **numbers, relevance=np.array(relevance))


def test_each_map_counts_alike_in_the_mean_of_its_class():
    seen = read(
        Rows(row(0, relevance=(10, -20)), row(1, relevance=(0.1, 0.1)), row(2, "dog"), row(3, relevance=(0, 0)))
    )
    assert seen.classes["cat"].rows == 3
    assert seen.classes["cat"].total == pytest.approx([1.5, 0.0])
    assert seen.classes["dog"].total == pytest.approx([1, 1])


def test_maps_of_several_shapes_have_no_mean():
    found = read(Rows(row(0), row(1, relevance=(1, 2, 3)), row(2))).classes["cat"]
    assert (found.rows, found.total) == (3, None)


def test_the_gap_is_a_share_of_what_should_be_summed_to():
    seen = read(Rows(row(0, delta=0.5, relevance=(1, 1.5)), row(1), row(2, delta=0.0), row(3, delta=2.0)))
    assert seen.gap == pytest.approx([0.25, np.nan, 0, np.inf], nan_ok=True)


def test_rows_that_are_shown():
    rows = [row(i, probability=p) for i, p in enumerate((0.4, 0.9, None, 0.2, 0.3, 0.6))]
    seen = read(Rows(*rows), {"4.png"})
    assert seen.at == {"4.png": 4}
    expected = {4: "worst of gap", 3: "lowest probability", 0: "median probability", 1: "highest probability"}
    assert chosen(seen, {4: "worst of gap"}) == expected


def test_scores_choose_where_there_are_no_probabilities():
    seen = read(Rows(row(0, score=3.0), row(1, score=-1.0), row(2, score=7.0)))
    assert chosen(seen, {}) == {1: "lowest score", 0: "median score", 2: "highest score"}


def test_a_run_without_a_row_shows_none():
    assert chosen(read(Rows()), {}) == {}
