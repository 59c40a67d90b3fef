"""Cells, their order, and what is put in their place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from onnxplain.measure.cells import cells, ranks, replaced, scaled


def test_sizes_are_stated_for_224_pixels():
    assert [scaled(9, side) for side in (448, 224, 128, 32, 7)] == [18, 9, 5, 1, 1]


@given(st.tuples(st.integers(1, 9), st.integers(1, 9)), st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_cells_are_boxes_numbered_from_0(shape, sides):
    index = cells(shape, sides)
    rows, columns = -(-shape[0] // sides[0]), -(-shape[1] // sides[1])
    assert sorted(set(index.ravel().tolist())) == list(range(rows * columns))
    for y, x in np.ndindex(shape):
        assert index[y, x] == y // sides[0] * columns + x // sides[1]


def test_cells_are_ranked_by_the_sum_of_their_relevance():
    relevance = np.array([[1.0, 1.0, 5.0], [1.0, 1.0, -2.0]])
    rank = ranks(relevance, cells((2, 3), (2, 2)), np.random.default_rng(0))
    assert rank.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_ties_have_no_preferred_place():
    rng = np.random.default_rng(0)
    first = [ranks(np.zeros(4), np.arange(4), rng).tolist().index(0) for _ in range(100)]
    assert set(first) == {0, 1, 2, 3}


def test_positions_are_replaced_in_all_channels_of_either_layout():
    x, fill, where = np.zeros((3, 2, 2), "f"), np.arange(12, dtype="f").reshape(3, 2, 2), np.eye(2, dtype=bool)
    first = replaced(x, fill, where, 1)
    assert first[:, 0, 1].tolist() == [0, 0, 0] and first[:, 1, 1].tolist() == fill[:, 1, 1].tolist()
    last = replaced(x.transpose(1, 2, 0), fill.transpose(1, 2, 0), where, 3)
    np.testing.assert_array_equal(last.transpose(2, 0, 1), first)
