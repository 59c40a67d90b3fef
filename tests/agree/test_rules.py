"""Every rule, over eight kinds of weighted nodes, by the engine onnxruntime and in float64."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import pytest
from agree.agreement import CLOSE, STABILISED
from agree.networks import CORE
from agree.ways import apart
from nets import network, node
from rules.test_lrp import LAYERS

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.method.backward import GRADIENT, table_lrp
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec
from onnxplain.plan.composite import Composite
from onnxplain.plan.selector import named
from onnxplain.rules import deeplift, gradient, lrp, relu

WEIGHTED = {
    "transpose": gradient.transpose,
    "zero": lrp.Epsilon(0.0),
    "epsilon": lrp.Epsilon(),
    "z_plus": lrp.ZPlus(),
    "z_plus without bias": lrp.ZPlus(bias=False),
    "alpha_beta": lrp.AlphaBeta(),
    "alpha_beta, beta 0": lrp.AlphaBeta(1.0, 0.0),
    "gamma": lrp.Gamma(),
    "z_box": lrp.ZBox(-4.0, 4.0),
    "flat": lrp.Flat(),
    "w_square": lrp.WSquare(),
}


@cache
def layer(kind):
    """The layer between two others, so that it has a message to share out; its input is half rectified."""
    op, size, kernel, attributes = LAYERS[kind]
    rng = np.random.default_rng(0)
    draw = lambda *shape: (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype("f")  # noqa: E731
    channels = kernel[0] if op != "ConvTranspose" else kernel[1] * attributes.get("group", 1)
    nodes = [
        node("LeakyRelu", "x", "r", alpha=0.1),
        node(op, "r w b", "l", **attributes),
        node("Relu", "l", "a"),
        node("Flatten", "a", "f"),
        node("ReduceSum", "f axes", "s", keepdims=1),
        node("MatMul", "s head", "y"),
    ]
    weights = {"w": draw(*kernel), "b": draw(channels), "axes": np.array([1]), "head": np.abs(draw(1, 3))}
    return network(nodes, size, weights), rng.normal(size=size).astype("f")


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", WEIGHTED)
def test_a_rule_of_weighted_nodes_agrees(name, kind):
    model, x = layer(kind)
    rule = WEIGHTED[name]
    composite = Composite(GRADIENT if name == "transpose" else table_lrp(1e-6), ((named("l"), rule),))
    compiled, exact = (
        ox.explain(ox.load(model, **options), x, composite, 1).attribution
        for options in ({"engine": "onnxruntime"}, {"precision": "float64"})
    )
    assert apart(compiled, exact) < (STABILISED if getattr(rule, "eps", 0.0) else CLOSE)


def test_no_rule_is_left_out():
    """A rule is met in the plan of a method on one of the networks, or stands in the table above."""
    met = {type(rule) for rule in WEIGHTED.values()} | {gradient.transpose}
    for name in ("relu_cnn", "rectifiers", "attention"):
        model = ox.load(CORE[name]()[0])
        met |= {rule for method in METHODS.values() if isinstance(method, WalkSpec) for rule in _met(model, method)}
    assert {rule for module in (gradient, relu, lrp, deeplift) for rule in _rules(module)} <= met


def _met(model, method):
    """Functions and classes of the rules in a plan; none where the method refuses the model."""
    bounds = {"low": -4.0, "high": 4.0} if "low" in method.parameters else {}
    try:
        plan = ox.Explainer(model, method.name, **bounds).plan
    except UnsupportedModelError:
        return []
    return [rule if inspect.isfunction(rule) else type(rule) for _, rule in plan.steps]


def _rules(module):
    """Public functions and classes of a module of rules that take a site and a message."""
    for name, each in vars(module).items():
        if name.startswith("_") or getattr(each, "__module__", "") != module.__name__:
            continue
        call = each.__call__ if inspect.isclass(each) else each
        if callable(call) and list(inspect.signature(call).parameters)[-2:-1] == ["s"]:
            yield each
