"""The book's text, and the node that an explanation names when its numbers break."""

from __future__ import annotations

import numpy as np
import pytest
from nets import DIGITS, digits, network, node

import onnxplain as ox


def test_the_book_prints_every_node_with_its_account():
    e = ox.explain(digits(), DIGITS[3], "lrp.epsilon", book=True)
    lines = str(e.book).splitlines()
    assert lines[0].split() == ["node", "op", "rule", "arriving", "leaving", "bias", "eps", "lost", "constants", "gap"]
    assert len(lines) == 1 + len(e.plan.steps) == 1 + len(e.book.entries)
    assert abs(e.book.worst().gap) < 1e-5 * e.book.worst().scale
    np.testing.assert_allclose(e.book.entries[0].arriving, e.score[0], rtol=1e-6)


def test_no_book_is_kept_unless_asked_for():
    assert ox.explain(digits(), DIGITS[3], "lrp.epsilon").book is None


def test_nan_on_the_way_names_the_node_where_it_appears():
    """The slope of a logarithm at 0 is infinite; what arrives there is finite."""
    nodes = [node("Abs", "x", "a"), node("Log", "a", "l"), node("Clip", "l low", "c"), node("Add", "c a", "y")]
    model = network(nodes, (1, 3), {"low": np.array(-1e30, "f")})
    x = np.array([[1.0, 0.0, 2.0]], "f")
    with pytest.raises(ox.errors.NumericalError, match=r"Log \(node 'l'\): 1 of 3 values"):
        ox.explain(ox.load(model), x, "gradient", target=0)
