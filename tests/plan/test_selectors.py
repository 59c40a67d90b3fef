"""Selectors say where a rule applies; the first that matches wins."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node, relu_cnn

import onnxplain as ox
from onnxplain.method.backward import table_lrp
from onnxplain.ops import Family
from onnxplain.plan import selector
from onnxplain.plan.composite import Composite
from onnxplain.rules import lrp


def mark(site, message):
    """A function may stand at any node; it is planned here and never called."""
    raise AssertionError(site, message)


@pytest.mark.parametrize(
    ("chosen", "nodes"),
    [
        (selector.first, "c1"),
        (selector.last, "y"),
        (selector.weighted, "c1 c2 y"),
        (selector.op("Conv") & ~selector.first, "c2"),
        (selector.named("c*"), "c1 c2"),
        (selector.family(Family.SUM) | selector.op("Gemm"), "s y"),
        (selector.between("r1", "s"), "p1 c2 s"),
        (selector.rectifier, "r1 r2"),
        (selector.activation, "r1 r2"),
        (selector.fed_by(selector.weighted), "r1 s"),
        (selector.fed_by(selector.op("GlobalAveragePool")), "f y"),
    ],
    ids=repr,
)
def test_a_selector_matches_these_nodes(chosen, nodes):
    plan = ox.Explainer(ox.load(relu_cnn()[0]), Composite(table_lrp(1e-6), ((chosen, mark),))).plan
    assert {node.name for node, rule in plan.steps if repr(rule) == "mark"} == set(nodes.split())


def test_a_normalisation_in_the_file_changes_the_units_of_the_input():
    """Not what scales and shifts behind a weighted node, nor the nodes beside a normalisation."""
    nodes = [
        node("Mul", "x scale", "a"),
        node("Add", "a shift", "b"),
        node("Relu", "b", "r"),
        node("Mul", "r scale", "c"),
    ]
    nodes += [node("Gemm", "c w", "g"), node("Relu", "g", "h"), node("Mul", "h twice", "y")]
    weights = {"scale": np.array([2, -3], "f"), "shift": np.ones(2, "f"), "w": np.eye(2, 3, dtype="f")}
    model = ox.load(network(nodes, (1, 2), weights | {"twice": np.full(1, 2, "f")}))
    mark = lrp.Epsilon(0.5)
    plan = ox.Explainer(model, Composite(table_lrp(1e-6), ((selector.units, mark),))).plan
    assert {step.output for step, rule in plan.steps if rule is mark} == {"a", "b", "c"}


def test_the_first_match_wins():
    rules = ((selector.op("Conv"), lrp.Epsilon(0.1)), (selector.weighted, lrp.Epsilon(0.2)))
    plan = ox.Explainer(ox.load(relu_cnn()[0]), Composite(table_lrp(1e-6), rules)).plan
    assert [rule.eps for node, rule in plan.steps if node.op.mixes] == [0.1, 0.1, 0.2]


def test_the_former_module_has_the_same_selectors():
    """Code that imports them from `onnxplain.method.selector` goes on working."""
    from onnxplain.method import selector as former

    assert all(getattr(former, name) is getattr(selector, name) for name in former.__all__)
    assert {name for name, value in vars(selector).items() if isinstance(value, selector.Selector)} <= set(
        former.__all__
    )
