"""Selectors say where a rule applies; the first that matches wins."""

from __future__ import annotations

import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.method import selector
from onnxplain.method.backward import table_lrp
from onnxplain.method.composite import Composite
from onnxplain.ops import Family
from onnxplain.rules import lrp


@pytest.mark.parametrize(
    ("chosen", "nodes"),
    [
        (selector.first, {"c1"}),
        (selector.last, {"y"}),
        (selector.weighted, {"c1", "c2", "y"}),
        (selector.op("Conv") & ~selector.first, {"c2"}),
        (selector.named("c*"), {"c1", "c2"}),
        (selector.family(Family.SUM) | selector.op("Gemm"), {"s", "y"}),
        (selector.between("r1", "s"), {"p1", "c2", "s"}),
        (selector.rectifier, {"r1", "r2"}),
        (selector.activation, {"r1", "r2"}),
        (selector.fed_by(selector.weighted), {"r1", "s"}),
        (selector.fed_by(selector.op("GlobalAveragePool")), {"f", "y"}),
    ],
    ids=repr,
)
def test_a_selector_matches_these_nodes(chosen, nodes):
    mark = lrp.Epsilon(0.5)
    plan = ox.Explainer(ox.load(relu_cnn()[0]), Composite(table_lrp(1e-6), ((chosen, mark),))).plan
    assert {node.name for node, rule in plan.steps if rule is mark} == nodes


def test_the_first_match_wins():
    rules = ((selector.op("Conv"), lrp.Epsilon(0.1)), (selector.weighted, lrp.Epsilon(0.2)))
    plan = ox.Explainer(ox.load(relu_cnn()[0]), Composite(table_lrp(1e-6), rules)).plan
    assert [rule.eps for node, rule in plan.steps if node.op.mixes] == [0.1, 0.1, 0.2]
