"""What cannot be walked is refused when it is planned: rules that do not fit their nodes, and what is no rule."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node, relu_cnn

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.method.backward import DEEPLIFT, GRADIENT, table_lrp
from onnxplain.ops import Family
from onnxplain.plan.selector import family, first, named, op
from onnxplain.rules import attention, deeplift, gradient, lrp
from onnxplain.rules.reveal import RevealCancel

LRP = table_lrp(1e-6)
ANY = object()


@pytest.fixture(scope="module")
def model():
    return ox.load(relu_cnn()[0])


@pytest.mark.parametrize(
    ("where", "rule", "said"),
    [
        (
            op("Relu"),
            lrp.Epsilon(),
            r"Relu \(node 'r1'\): Epsilon\(eps=1e-06\) is a rule for AFFINE nodes.*ELEMENTWISE",
        ),
        (op("Conv"), lrp.keep, r"Conv \(node 'c2'\): keep passes a message on as it is.* mixes"),
        (op("GlobalAveragePool"), lrp.keep, r"GlobalAveragePool \(node 'g'\): keep passes"),
        (op("MaxPool"), lrp.ZPlus(), r"'p1'\): ZPlus.* is a rule for AFFINE nodes, and this one is SELECT"),
        (op("GlobalAveragePool"), lrp.Gamma(), r"'g'\): Gamma.* needs a weight, and a AFFINE node of this op has none"),
        (op("Add"), lrp.Half(), r"'s'\): Half.* is a rule for BILINEAR nodes, and this one is SUM"),
        (op("Relu"), deeplift.rescale, r"'r2'\): rescale compares with a baseline, and this method keeps none"),
        (op("Relu"), RevealCancel(), r"'r1'\): RevealCancel\(\) compares with a baseline"),
        (op("Flatten"), attention.taylor, r"'f'\): taylor is a rule for NORMALISE nodes"),
        (op("MaxPool"), gradient.times_slope, r"'p1'\): times_slope is a rule for ELEMENTWISE nodes"),
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_its_node_is_refused_when_planned(model, where, rule, said):
    with pytest.raises(UnsupportedModelError, match=said):
        ox.Explainer(model, ox.Composite(LRP, ((where, rule),)))


def test_all_nodes_are_refused_at_once(model):
    pairs = (op("Relu"), lrp.Epsilon()), (op("Conv"), lrp.keep)
    with pytest.raises(UnsupportedModelError) as raised:
        ox.Explainer(model, ox.Composite(LRP, pairs))
    assert [f"node {name!r}" in str(raised.value) for name in ("c1", "r1", "c2", "r2")] == [True] * 4


def test_a_table_without_a_family_is_refused_where_a_node_needs_it(model):
    table = {kind: rule for kind, rule in LRP.items() if kind is not Family.SELECT}
    with pytest.raises(UnsupportedModelError, match=r"MaxPool \(node 'p1'\): the table has no rule for SELECT nodes"):
        ox.Explainer(model, ox.Composite(table))
    dense = network([node("MatMul", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")})
    assert ox.Explainer(ox.load(dense), ox.Composite(table)).plan


def test_a_fact_that_an_operator_does_not_state_is_named():
    """LayerNormalization is a NORMALISE node, and the Taylor expansion is about what a Softmax normalises together."""
    weights = {"scale": np.ones(4, "f"), "w": np.eye(4, dtype="f")}
    nodes = [node("LayerNormalization", "x scale", "n"), node("MatMul", "n w", "y")]
    own = ox.Composite(LRP, ((family(Family.NORMALISE), attention.taylor),))
    model = ox.load(network(nodes, (1, 4), weights))
    with pytest.raises(UnsupportedModelError, match="taylor needs the fact 'gathered'"):
        ox.Explainer(model, own)


def test_a_table_of_deeplift_needs_a_method_with_a_baseline(model):
    with pytest.raises(UnsupportedModelError, match="rescale compares with a baseline, and this method keeps none"):
        ox.Explainer(model, ox.Composite(DEEPLIFT))


@pytest.mark.parametrize(
    ("base", "rules", "said"),
    [
        (LRP, ((op("Conv"), "epsilon"),), "the rule of op.Conv.: 'epsilon' is no rule"),
        (LRP, ((op("Conv"), lrp.Epsilon),), "is no rule; expected one such as lrp.Epsilon"),
        (LRP, (("Conv", lrp.Epsilon()),), "expected pairs"),
        (LRP, (lrp.Epsilon(),), "expected pairs"),
        (LRP | {Family.SUM: None}, (), "the table at SUM: None is no rule"),
        ({"CONV": lrp.Epsilon()}, (), "'CONV' is no family"),
        (lrp.Epsilon(), (), "expected a table"),
    ],
    ids=str,
)
def test_what_is_no_composite_is_refused_when_it_is_built(base, rules, said):
    with pytest.raises(UsageError, match=said):
        ox.Composite(base, rules)


@pytest.mark.parametrize("where", [op("Conv2d"), named("nothing*"), first & op("Gemm")], ids=repr)
def test_a_selector_that_matches_nothing_warns(model, where):
    with pytest.warns(
        UserWarning, match="matches no node of this model, so Epsilon.* is not used; there are: Add, Conv,"
    ):
        ox.Explainer(model, ox.Composite(LRP, ((where, lrp.Epsilon()),)))


def test_a_preset_is_for_any_model():
    """A table has no convolutions, and that is no mistake of the user's: warnings are errors here."""
    dense = network([node("MatMul", "x w", "y")], (1, 2), {"w": np.eye(2, dtype="f")})
    assert ox.Explainer(ox.load(dense), "lrp.epsilon_plus_flat").plan


def test_a_plain_function_of_site_and_message_may_stand_anywhere(model):
    """Twice the gradient at the last node is twice the gradient."""

    def twice(site, message):
        return 2 * site.adjoint(message, site.w)

    x = relu_cnn()[1]
    ours = ox.explain(model, x, ox.Composite(GRADIENT, ((op("Gemm"), twice),)), target=1, seed="one").attribution
    np.testing.assert_allclose(ours, 2 * ox.explain(model, x, "gradient", target=1).attribution, rtol=1e-6)
