"""The counter-test: what rests on hidden positions falls by what they gave, and the controls do not."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.inputs.batch import Batch
from onnxplain.runs.clusters.counter_test import counter_test, elsewhere, top_positions


def rows(x):
    """Each row of an array as a batch of its own."""
    return [Batch(each[None], {"x": each[None]}, frozenset({"x"}), channel_axis=1) for each in x]


def scores(batch):
    """Twice the sum of a corner of two channels."""
    return 2.0 * batch.x[:, :, :2, :2].sum((1, 2, 3), dtype=np.float64)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    members, others = rng.uniform(0, 1, (2, 6, 2, 10, 10)).astype("f")
    members[:, :, :2, :2] += 5
    return members, others


def test_the_fall_is_what_the_hidden_positions_gave(data):
    members, others = data
    mean_map = np.zeros((10, 10))
    mean_map[:2, :2] = 1
    found = counter_test(scores, rows(members), rows(others), mean_map, 1, 0.04, np.random.default_rng(0))
    fill = others.mean(0, dtype=np.float64)
    expected = 2 * (members - fill)[:, :, :2, :2].sum((1, 2, 3))
    assert found.area == 0.04 and found.members.rows == 6 and found.members.fell == 1
    assert found.members.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert found.others.mean == pytest.approx(0, abs=1e-5)  # replaced by their own mean
    assert found.elsewhere.mean == 0 and found.stands_out
    assert found.cells()[0].endswith(" (100 %)") and found.cells()[1:] == (str(found.others), "0 (0 %)", "stands out")


def test_what_does_not_matter_does_not_stand_out(data):
    mean_map = np.zeros((10, 10))
    mean_map[5:7, 5:7] = 1
    found = counter_test(scores, *map(rows, data), mean_map, 1, 0.04, np.random.default_rng(0))
    assert found.members.mean == 0 and not found.stands_out
    assert found.cells()[3] == ""


def test_a_map_without_positive_relevance_points_at_nothing(data):
    assert counter_test(scores, *map(rows, data), -np.ones((10, 10)), 1, 0.04, np.random.default_rng(0)) is None


def test_the_largest_positive_positions_are_taken():
    mean_map = np.array([[3, -9, 0], [1, 2, -1]])
    assert top_positions(mean_map, 0.5).tolist() == [[True, False, False], [True, True, False]]
    assert top_positions(mean_map, 0.99).sum() == 3
    assert top_positions(mean_map, 0.01).sum() == 1


def test_elsewhere_is_as_large_and_apart():
    region = np.zeros((20, 20), bool)
    region[3:6, 2:9] = True
    moved = elsewhere(region, np.random.default_rng(0))
    assert moved.sum() == region.sum() and not (moved & region).any()
