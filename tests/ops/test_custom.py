"""Operators of a custom domain: with facts that the user states they are walked, and without them they are named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from nets import network, node
from onnx import helper

import onnxplain as ox
from onnxplain import ops
from onnxplain.errors import UnsupportedModelError, UsageError
from onnxplain.ops import custom, standard_ops
from onnxplain.plan.selector import op

DOMAIN = "com.microsoft"
RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(3, 4)).astype("f"), RNG.normal(size=(4, 2)).astype("f")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """No operator of a custom domain is known when a test begins, and what it registers is forgotten after it."""
    standard = {("", name): known for name, known in standard_ops().items()}
    monkeypatch.setattr(ops, "_OPS", standard)
    monkeypatch.setattr(custom, "_OPS", standard)


def model(name="QuickGelu", inputs="x", **attrs):
    """One operator that onnxruntime brings in a domain of its own, and a matrix product."""
    made = helper.make_node(name, inputs.split(), ["a"], name="a", domain=DOMAIN, **attrs)
    proto = network([made, node("MatMul", "a w", "y")], X.shape, {"w": W, "b": W[:, 0]})
    proto.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    return proto


def quick_gelu(**given):
    """y = x sigmoid(alpha x)."""
    slope = lambda xp, x, y, alpha: xp.sigmoid(alpha * x) * (1 + alpha * (x - y))  # noqa: E731
    facts = {"inputs": ["X"], "defaults": {"alpha": 1.702}, "slope": slope}
    ox.register_op("QuickGelu", DOMAIN, "ELEMENTWISE", **(facts | given))


def finite_differences(proto, target):
    """The derivative of a score, by central differences of what onnxruntime says of the file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString())
    step, slope = 1e-2, np.zeros(X.shape)
    for at in np.ndindex(X.shape):
        moved = np.zeros_like(X)
        moved[at] = step
        ends = (session.run(None, {"x": X + side * moved})[0][at[0], target] for side in (1, -1))
        slope[at] = (next(ends) - next(ends)) / (2 * step)
    return slope


def test_without_facts_the_operator_is_named_and_the_way_out():
    with pytest.raises(UnsupportedModelError, match=r"com.microsoft::SampleOp \(node 'a'\).*register_op"):
        ox.explain(ox.load(model("SampleOp")), X, "gradient")


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
@pytest.mark.parametrize("attrs", [{}, {"alpha": 0.5}], ids=str)
def test_three_lines_of_facts_give_the_gradient(engine, attrs):
    """With the default of the attribute, and with the file's own value."""
    quick_gelu()
    e = ox.explain(ox.load(model(**attrs), engine=engine), X, "gradient", target=1)
    np.testing.assert_allclose(e.attribution, finite_differences(model(**attrs), 1), atol=2e-3)


def test_lrp_and_selectors_know_the_operator_by_its_full_name():
    quick_gelu()
    plan = ox.Explainer(ox.load(model()), "lrp.epsilon").plan
    assert [str(rule) for _, rule in plan.steps] == ["keep", "Epsilon(eps=1e-06)"]
    from onnxplain.method.backward import GRADIENT
    from onnxplain.rules import relu

    own = ox.Composite(GRADIENT, ((op("com.microsoft::QuickGelu"), relu.guided),))
    assert str(ox.Explainer(ox.load(model()), own).plan.steps[0].rule) == "guided"


def test_an_operator_of_a_custom_domain_is_not_the_standard_one_of_its_name():
    """com.microsoft::Relu has no facts, and those of ONNX's Relu are not taken for them."""
    with pytest.raises(UnsupportedModelError, match=r"com\.microsoft::Relu \(node"):
        ox.explain(ox.load(model("Relu")), X, "gradient")


def test_an_input_is_asked_for_by_the_name_that_was_stated():
    """com.microsoft::BiasGelu adds a bias first: y = gelu(x + B)."""
    import math

    def slope(xp, x, B):
        z = x + xp.const(B)
        return 0.5 * (1 + xp.erf(z * math.sqrt(0.5))) + z * xp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    ox.register_op("BiasGelu", DOMAIN, "ELEMENTWISE", inputs=["A", "B"], slope=slope)
    e = ox.explain(ox.load(model("BiasGelu", "x b")), X, "gradient", target=0)
    np.testing.assert_allclose(e.attribution, finite_differences(model("BiasGelu", "x b"), 0), atol=2e-3)


def test_an_affine_operator_may_call_its_adjoint_so():
    """com.microsoft::FusedMatMul, y = alpha x W, as an affine operator with the weight W."""
    ox.register_op(
        "FusedMatMul", DOMAIN, "AFFINE", inputs=["A", "B"], weight=1, mixes=True,
        apply=lambda xp, a, b, alpha: alpha * xp.matmul(a, b),
        adjoint=lambda xp, g, w, alpha: alpha * xp.matmul(g, xp.transpose(w, (1, 0))),
    )  # fmt: skip
    made = helper.make_node("FusedMatMul", ["x", "w"], ["y"], name="y", domain=DOMAIN, alpha=0.5)
    proto = network([made], X.shape, {"w": W})
    proto.opset_import.append(onnx.helper.make_opsetid(DOMAIN, 1))
    for method in ("input_x_gradient", "lrp.zero"):  # without a bias the two are the same
        e = ox.explain(ox.load(proto), X, method, target=1)
        np.testing.assert_allclose(e.attribution, 0.5 * X * W[:, 1], rtol=1e-5)


def test_facts_may_be_stated_again():
    quick_gelu(slope=lambda x: 0 * x)
    assert not ox.explain(ox.load(model()), X, "gradient").attribution.any()
    quick_gelu()
    assert ox.explain(ox.load(model()), X, "gradient").attribution.all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"family": "WAVY"}, "family 'WAVY' of operator 'Own': expected one of AFFINE"),
        ({"domain": ""}, "is ONNX's own"),
        ({"domain": "ai.onnx"}, "is ONNX's own"),
        ({"slope": None}, "slope=None: expected a function"),
        ({"family": "AFFINE"}, "AFFINE needs the facts apply, adjoint0; apply is missing"),
        ({"family": "SELECT"}, "winners is missing"),
    ],
    ids=str,
)
def test_facts_that_are_none_are_refused(given, said):
    asked = {"name": "Own", "domain": "my.domain", "family": "ELEMENTWISE", "slope": lambda x: x} | given
    with pytest.raises(UsageError, match=said):
        ox.register_op(**asked)
