"""The book's text, which methods keep one, and the node that an explanation names when its numbers break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nets import DIGITS, ROOT, digits, network, node, packed, relu_cnn
from passes.same import model as text

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.method.backward import table_lrp
from onnxplain.method.registry import METHODS
from onnxplain.plan.selector import first
from onnxplain.rules import lrp


def test_the_book_prints_every_node_with_its_account():
    e = ox.explain(digits(), DIGITS[3], "lrp.epsilon", book=True)
    lines = str(e.book).splitlines()
    assert lines[0].split() == ["node", "op", "rule", "arriving", "leaving", "bias", "eps", "lost", "constants", "gap"]
    assert len(lines) == 2 + len(e.plan.steps) == 2 + len(e.book.entries)
    np.testing.assert_allclose(e.book.entries[0].arriving, e.score[0], rtol=1e-6)


def test_the_book_ends_with_its_largest_gap():
    book = ox.explain(digits(), DIGITS[3], "lrp.epsilon", book=True).book
    worst = max(book.entries, key=lambda entry: abs(entry.gap) / entry.scale)
    assert 0 < abs(worst.gap) < 1e-5 * worst.scale
    assert str(book).splitlines()[-1] == f"largest gap: {worst.gap:.3g} of {worst.scale:.3g} at {worst.node!r}"
    book.entries.append(replace(worst, node="odd", leaving=worst.leaving + 0.1 * worst.scale))
    assert str(book).endswith("at 'odd'")


def test_what_a_threshold_wins_went_to_a_constant():
    """max(x, t) with t = (0, 2, 0): the second of three equal messages goes to t, where the walk ends."""
    net = text(
        "(float[N, 3] x) => (float[N, 1] y) { m = Max(x, t) y = MatMul(m, w) }",
        t=np.array([[0, 2, 0]], "f"),
        w=np.ones((3, 1), "f"),
    )
    e = ox.explain(ox.load(net), np.array([[3, 1, 2]], "f"), "lrp.zero", target=0, book=True)
    np.testing.assert_allclose(e.attribution, [[3, 0, 2]])
    (entry,) = (each for each in e.book.entries if each.op == "Max")
    assert (entry.arriving, entry.leaving, entry.constants, entry.gap) == (7, 5, 2, 0)


CONSERVING = [
    name for name in METHODS if name.startswith("lrp.") or name in ("excitation_backprop", "attnlrp", "cp_lrp")
]


@pytest.mark.parametrize("method", [*CONSERVING, ox.Composite(table_lrp(1e-6), ((first, lrp.WSquare()),))])
def test_whatever_conserves_relevance_keeps_a_book_that_balances(method):
    model, x = relu_cnn()
    bounds = {"low": -4.0, "high": 4.0} if method == "lrp.epsilon_gamma_box" else {}
    book = ox.explain(ox.load(model, precision="float64"), x, method, book=True, **bounds).book
    assert len(book.entries) == 9
    assert abs(book.worst().gap) < 1e-9 * book.worst().scale


@pytest.mark.parametrize("method", [name for name in METHODS if name not in CONSERVING])
def test_other_methods_keep_none(method, monkeypatch):
    model, x = relu_cnn()
    if method == "tree_shap":
        model, x = packed(ROOT / "tests" / "trees" / "data" / "xgboost_2.onnx"), np.ones((1, 13), "f")
    explainer = ox.Explainer(ox.load(model), method)
    monkeypatch.setattr(explainer, "method", None)
    with pytest.raises(UsageError, match=f"book: method '{method}' keeps no relevance to account for; take an lrp"):
        explainer(x, book=True)


def test_no_book_is_kept_unless_asked_for():
    assert ox.explain(digits(), DIGITS[3], "lrp.epsilon").book is None


def test_nan_on_the_way_names_the_node_where_it_appears():
    """The slope of a logarithm at 0 is infinite; what arrives there is finite."""
    nodes = [node("Abs", "x", "a"), node("Log", "a", "l"), node("Clip", "l low", "c"), node("Add", "c a", "y")]
    model = network(nodes, (1, 3), {"low": np.array(-1e30, "f")})
    x = np.array([[1.0, 0.0, 2.0]], "f")
    with pytest.raises(ox.errors.NumericalError, match=r"Log \(node 'l'\): 1 of 3 values"):
        ox.explain(ox.load(model), x, "gradient", target=0)


def test_a_missing_value_that_a_method_of_differences_meets_is_named_as_one():
    nodes = [node("IsNaN", "x", "n"), node("Where", "n zero x", "f"), node("MatMul", "f w", "y")]
    weights = {"zero": np.float32(0), "w": np.ones((3, 2), "f")}
    model = ox.load(network(nodes, (1, 3), weights))
    x = np.array([[1, np.nan, 3]], "f")
    with pytest.raises(ox.errors.NumericalError, match=r"reads NaN or Inf, such as a missing value.*gradient or lrp"):
        ox.explain(model, x, "deeplift", 0)
    for method in ("gradient", "lrp.epsilon"):
        assert ox.explain(model, x, method, 0).attribution[0, 1] == 0
