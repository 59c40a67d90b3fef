"""Which paths relevance takes: past skips, and never in silence where the facts of a node do not cover it."""

from __future__ import annotations

import numpy as np
import pytest
from nets import network, node
from onnx import helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.method.backward import GRADIENT, table_lrp
from onnxplain.plan import selector

RNG = np.random.default_rng(5)
X = RNG.normal(size=(2, 4)).astype("f")
W = RNG.normal(size=(4, 4)).astype("f")


def chosen(model, by):
    """The names of the nodes that a selector matches."""

    def mark(site, message):
        raise AssertionError(site, message)

    table = GRADIENT if by.name.startswith("attending") else table_lrp(1e-6)
    plan = ox.Explainer(ox.load(model), ox.Composite(table, ((by, mark),))).plan
    return {step.name for step, rule in plan.steps if repr(rule) == "mark"}


def test_what_a_skip_from_the_input_leads_to_is_no_first_layer():
    """m2 reads x itself beside what m1 makes of it, on either side; m3 reads x alone."""
    nodes = [
        *(node("MatMul", "x a", "m1"), node("Add", "x m1", "s1"), node("MatMul", "s1 b", "m2")),
        *(
            node("Add", "m2 x", "s2"),
            node("MatMul", "s2 c", "m4"),
            node("MatMul", "x d", "m3"),
            node("Add", "m3 m4", "y"),
        ),
    ]
    model = network(nodes, (1, 4), {name: RNG.normal(size=(4, 4)).astype("f") for name in "abcd"})
    assert chosen(model, selector.first) == {"m1", "m3"}
    assert chosen(model, selector.last) == {"m3", "m4"}


def attention(*between, values="v"):
    """softmax(x) rearranged by `between`, times `values`, made of x."""
    end = between[-1].output[0] if between else "p"
    nodes = [
        node("MatMul", "x a", "s"),
        node("Softmax", "s", "p"),
        node("MatMul", "x b", "v"),
        node("Softmax", "v", "q"),
    ]
    nodes += [*between, node("MatMul", f"{end} {values}", "o"), node("ReduceSum", "o axes", "y", keepdims=0)]
    weights = {"a": W, "b": W.T.copy(), "axes": np.array([1]), "zero": np.array([0]), "four": np.array([4])}
    weights |= {"last": np.array([2]), "half": np.array(0.5, "f")}
    return network(nodes, (1, 4, 4), weights)


@pytest.mark.parametrize(
    "between",
    [
        (),
        (node("Transpose", "p", "t", perm=[0, 2, 1]),),
        (node("Slice", "p zero four last", "t"),),
        (node("Mul", "p half", "t"),),
    ],
    ids=["plain", "transposed", "sliced", "scaled"],
)
def test_attention_is_a_product_of_what_a_softmax_makes(between):
    assert chosen(attention(*between), selector.attending(selector.op("Softmax"))) == {"o"}
    assert chosen(attention(), selector.attending(selector.op("Softmax"))) == {"o"}


def test_a_product_of_two_softmaxes_attends_to_nothing():
    with pytest.warns(UserWarning, match="matches no node"):
        assert chosen(attention(values="q"), selector.attending(selector.op("Softmax"))) == set()


REFUSED = {
    "relevance through its output 'm'": [
        helper.make_node("LayerNormalization", ["x", "ones"], ["n", "m"], name="n"),
        node("Add", "n m", "y"),
    ],
    "its input 'slope' is computed from the explained input": [node("Abs", "x", "a"), node("PRelu", "x a", "y")],
    "its reduction is 'max', and only none, add are supported": [
        node("ScatterElements", "x places x", "y", axis=1, reduction="max")
    ],
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_would_be_lost_is_refused(said):
    weights = {"ones": np.ones(4, "f"), "places": np.array([[3, 2, 1, 0]])}
    used = {name: value for name, value in weights.items() if any(name in each.input for each in REFUSED[said])}
    with pytest.raises(UnsupportedModelError, match=said):
        ox.Explainer(ox.load(network(REFUSED[said], (1, 4), used)), "gradient")


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_bias_that_is_left_out_by_an_empty_name_is_none(engine):
    kernel = RNG.normal(size=(3, 2, 1)).astype("f")
    nodes = [helper.make_node("Conv", ["x", "k", ""], ["c"], name="c"), node("Flatten", "c", "y")]
    x = RNG.normal(size=(2, 2, 1)).astype("f")
    e = ox.explain(ox.load(network(nodes, (1, 2, 1), {"k": kernel}), engine=engine), x, "lrp.zero", 1)
    np.testing.assert_allclose(e.attribution, x * kernel[1], rtol=1e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_attributes_that_a_node_states_are_those_that_count(engine):
    model = ox.load(
        network([node("LeakyRelu", "x", "l", alpha=0.3), node("MatMul", "l w", "y")], (1, 4), {"w": W}), engine=engine
    )
    due = np.where(X > 0, 1, 0.3) * W[:, 2]
    np.testing.assert_allclose(ox.explain(model, X, "gradient", 2).attribution, due, rtol=1e-5)
