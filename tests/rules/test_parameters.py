"""Parameters of rules: what makes no sense is refused by name, and bounds mean the same whatever type they come in."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from nets import network, node

import onnxplain as ox
from onnxplain.errors import UsageError
from onnxplain.plan.selector import op
from onnxplain.rules import attention, gates, lrp
from onnxplain.rules.parts import Biased, Stabilised

NO_NUMBER = [None, "x", [1], {}, True, 1j, float("nan"), float("inf"), -float("inf"), 1e39, 10**400, -1]
REQUIRED = {"low": -1.0, "high": 3.0, "weights": op("Softmax")}
RULES = sorted({*Stabilised.__subclasses__(), *Biased.__subclasses__()} - {Biased}, key=lambda rule: rule.__name__)
NUMBERS = [
    (rule, n) for rule in RULES for n in ("eps", "gamma", "alpha", "beta") if n in inspect.signature(rule).parameters
]
BOX = "lrp.epsilon_gamma_box"
ENGINES = ["onnxruntime", "numpy"]


def made(rule, **given):
    needed = {n: value for n, value in REQUIRED.items() if n in inspect.signature(rule).parameters}
    return rule(**needed | given)


def test_every_rule_with_a_stabiliser_is_in_the_table():
    own = {each for module in (lrp, attention, gates) for each in vars(module).values() if inspect.isclass(each)}
    own = {each for each in own if "eps" in getattr(each, "__dataclass_fields__", ())}
    assert own == set(RULES) and len(own) == 12


@pytest.mark.parametrize("value", NO_NUMBER, ids=lambda each: str(each)[:20])
@pytest.mark.parametrize(("rule", "name"), NUMBERS, ids=lambda each: getattr(each, "__name__", each))
def test_a_parameter_is_a_number_that_is_finite_and_not_negative(rule, name, value):
    with pytest.raises(UsageError, match=f"^{name}=.*: expected a number, [01] or more$"):
        made(rule, **{name: value})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_any_real_number_will_do(rule):
    for eps in (0, 1, 0.5, np.float16(0.5), np.float32(0.5), np.int64(2)):
        assert made(rule, eps=eps).eps == eps


@pytest.mark.parametrize(
    ("alpha", "beta", "said"),
    [
        (0.5, -0.5, "alpha=0.5: expected a number, 1 or more"),
        (2.0, 2.0, "alpha - beta must be 1"),
        (2, "1", "beta='1'"),
    ],
)
def test_alpha_is_1_or_more_and_beta_1_less(alpha, beta, said):
    with pytest.raises(UsageError, match=said):
        lrp.AlphaBeta(alpha, beta)


def test_a_switch_is_true_or_false():
    with pytest.raises(UsageError, match="bias='no': expected True or False"):
        lrp.ZPlus(bias="no")


def test_a_plan_prints_the_parameters_as_they_were_given():
    assert str(lrp.Gamma(0.25)) == "Gamma(gamma=0.25, eps=1e-06)"
    assert str(lrp.ZBox(-1, 3)) == "ZBox(eps=1e-06)"


# --- the box ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("a", 3), (None, 3), (True, 3), ({}, 3), ([], 3), ("0", 3), (1j, 3), (0, [1, "a"]), ([1, [2]], 3), ([None], 3),
        (0, float("inf")), (float("nan"), 3), ([0, float("nan")], 3), (10**400, 3), (-1e39, 3),
        (3, -1), ([0, 5], 3), ([0, 0], [1, -1]), ([0, 0], [1, 1, 1]),
    ],
    ids=lambda each: str(each)[:20],
)  # fmt: skip
def test_bounds_are_numbers_and_low_is_at_most_high(low, high):
    with pytest.raises(UsageError, match=r"low=.*, high=.*: expected a number, or one per channel, low at most high"):
        lrp.ZBox(low, high)


def pictures(*before, layout="NCHW"):
    """A convolution of 3 channels with a head, behind `before` and, for NHWC, a Transpose; and pictures in -1..3."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 3, 3, 3)).astype("f"), "v": rng.normal(size=(4, 2)).astype("f")}
    weights |= {"m": np.float32([0.5, 0.1, -0.2]).reshape(3, 1, 1), "axes": np.int64([2, 3])}
    turn = [node("Transpose", "x", "t", perm=[0, 3, 1, 2])] if layout == "NHWC" else []
    last = turn[-1].output[0] if turn else "x"
    nodes = [*turn, *[node(each, f"{last} m", "c") for each in before]]
    nodes += [node("Conv", f"{nodes[-1].output[0] if nodes else 'x'} w", "h"), node("Relu", "h", "r")]
    nodes += [node("ReduceMean", "r axes", "p", keepdims=0), node("MatMul", "p v", "y")]
    x = rng.uniform(-1, 3, size=(2, 3, 3, 3)).astype("f")  # 3 wide too: no mistaken axis goes unnoticed
    return network(nodes, (2, 3, 3, 3), weights), x


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_bounds_equal_those_with_a_point(engine):
    model, x = pictures()
    loaded = ox.load(model, engine=engine)
    want = ox.explain(loaded, x, BOX, low=-1.0, high=3.0).attribution
    assert np.abs(want).max() > 1e-3
    for low, high in ((-1, 3), (np.int8(-1), np.float32(3)), ([-1, -1, -1], 3), (-1, np.full((3, 3, 3), 3))):
        np.testing.assert_array_equal(ox.explain(loaded, x, BOX, low=low, high=high).attribution, want)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("before", [(), ("Sub",)], ids=["", "normalised"])
@pytest.mark.parametrize("engine", ENGINES)
def test_one_bound_per_channel_lies_along_the_channels_of_the_input(engine, before, layout):
    model, x = pictures(*before, layout=layout)
    loaded = ox.load(model, engine=engine)
    low, high = [-1, -1.5, -2], [3, 3.5, 4]
    got = ox.explain(loaded, x, BOX, low=low, high=high).attribution
    shape = (1, 3, 1, 1) if layout == "NCHW" else (1, 1, 1, 3)
    placed = {"low": np.reshape(low, shape), "high": np.reshape(high, shape)}
    np.testing.assert_array_equal(got, ox.explain(loaded, x, BOX, **placed).attribution)
    assert np.abs(got - ox.explain(loaded, x, BOX, low=-1, high=3).attribution).max() > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_has_one_bound_per_column(engine):
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(4, 5)).astype("f"), "v": rng.normal(size=(5, 2)).astype("f")}
    nodes = [node("MatMul", "x w", "h"), node("Relu", "h", "r"), node("MatMul", "r v", "y")]
    loaded = ox.load(network(nodes, (3, 4), weights), engine=engine)
    x = rng.uniform(0, 1, size=(3, 4)).astype("f")
    got = ox.explain(loaded, x, BOX, low=[0, -1, 0, -1], high=1)
    want = ox.explain(loaded, x, BOX, low=np.array([[0.0, -1.0, 0.0, -1.0]]), high=np.ones((1, 4)))
    np.testing.assert_array_equal(got.attribution, want.attribution)
    np.testing.assert_allclose(got.delta, 0, atol=1e-4)


@pytest.mark.parametrize(
    "bound", [[-1, -2], np.full((1, 2, 1, 1), -1), np.full((5, 1, 3, 1, 1), -1)], ids=["2", "4-D", "5-D"]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_bounds_that_do_not_fit_the_node_are_refused(engine, bound):
    model, x = pictures()
    loaded = ox.load(model, engine=engine)
    with pytest.raises(UsageError, match=r"bounds of shape .* at node .* \(3, 3, 3\): expected a number, or one per"):
        ox.explain(loaded, x, BOX, low=bound, high=3)
