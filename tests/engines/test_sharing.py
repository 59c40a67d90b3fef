"""What explainers of one model share: equal plans are compiled once."""

import gc

import numpy as np
import pytest
from nets import network, node, relu_cnn

import onnxplain as ox
from onnxplain.engines.onnxruntime import program
from onnxplain.graph import shared


@pytest.fixture
def sessions(monkeypatch):
    """The sessions that are opened."""
    opened, plain = [], program.open_session
    monkeypatch.setattr(program, "open_session", lambda *model: opened.append(plain(*model)) or opened[-1])
    return opened


def low(value):
    return np.full((1, 3, 1, 1), value, "f")


SAME = {
    "one method": (("lrp.gamma", {"gamma": 0.5}), ("lrp.gamma", {"gamma": 0.5})),
    "two readouts of one walk": (("gradient", {}), ("input_x_gradient", {})),
    "arrays": (("lrp.epsilon_gamma_box", {"low": low(-9), "high": low(9)}),) * 2,
    "a baseline": (("deeplift", {}), ("deeplift", {"baseline": 0.5})),
}
OTHER = {
    "parameter": (("lrp.gamma", {"gamma": 0.5}), ("lrp.gamma", {"gamma": 0.25})),
    "rules": (("gradient", {}), ("guided_backprop", {})),
    "array": tuple(("lrp.epsilon_gamma_box", {"low": low(-9), "high": low(top)}) for top in (8, 9)),
    "layer": (("gradient", {}), ("gradient", {"layer": "s"})),
}


def made(sessions, model, x, pair):
    """How many sessions each of two explainers opens; the second one says what a model of its own says."""
    counts = []
    first, second = (ox.Explainer(model, method, **options) for method, options in pair)
    for each in (first, second):
        before = len(sessions)
        answer = each(x)
        counts.append(len(sessions) - before)
    alone = ox.Explainer(ox.load(relu_cnn()[0]), pair[1][0], **pair[1][1])(x)
    np.testing.assert_array_equal(answer.attribution, alone.attribution)
    assert second.method.engine.providers == ("CPUExecutionProvider",)
    return counts


@pytest.mark.parametrize("name", SAME)
def test_equal_plans_are_compiled_once(sessions, name):
    proto, x = relu_cnn()
    first, second = made(sessions, ox.load(proto), x, SAME[name])
    assert first > 0
    assert second == 0


@pytest.mark.parametrize("name", OTHER)
def test_other_plans_are_not(sessions, name):
    proto, x = relu_cnn()
    assert all(made(sessions, ox.load(proto), x, OTHER[name]))


def test_an_expanded_graph_is_made_once():
    """DeepLIFT walks a Softmax in primitive steps."""
    model = ox.load(network([node("Softmax", "x", "s"), node("Mul", "s k", "y")], (4, 3), {"k": np.ones(3, "f")}))
    first, second = (ox.Explainer(model, "deeplift").method.canonical for _ in range(2))
    assert first is second
    assert first is not model.canonical


def test_methods_in_turn_are_compiled_once_each(sessions):
    """Their programs outlive the explainers that `explain` makes for each call."""
    proto, x = relu_cnn()
    model = ox.load(proto)
    for method in ("gradient", "lrp.zero") * 5:
        ox.explain(model, x, method)
        gc.collect()
    assert len(sessions) == 2


def test_only_the_last_programs_outlive_their_explainers(sessions, monkeypatch):
    monkeypatch.setattr(shared, "MOST", 2)
    proto, x = relu_cnn()
    model = ox.load(proto)
    for method in ("gradient", "lrp.zero", "lrp.epsilon", "lrp.epsilon", "lrp.zero"):
        ox.explain(model, x, method)
        gc.collect()
    assert len(sessions) == 3
    ox.explain(model, x, "gradient")  # the first to go
    assert len(sessions) == 4


def test_what_programs_hold_is_bounded_and_the_last_one_stays(sessions, monkeypatch):
    monkeypatch.setattr(shared, "MEMORY", 1)
    proto, x = relu_cnn()
    model = ox.load(proto)
    for method in ("gradient", "gradient", "lrp.zero", "gradient"):
        ox.explain(model, x, method)
        gc.collect()
    assert len(sessions) == 3
