"""A walk in segments gives what the whole one gives, and takes less memory at once."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from nets import BUNDLED, deep, network, node, relu_cnn
from recurrent import layer

import onnxplain as ox
from onnxplain.engines.base import WalkRequest
from onnxplain.engines.onnxruntime.cuts import cuts, parts_within
from onnxplain.engines.onnxruntime.joint import TARGET, WALK
from onnxplain.engines.onnxruntime.program import sized_walk, trace
from onnxplain.engines.onnxruntime.segments import forward_nodes, split
from onnxplain.memory import memory_of
from onnxplain.passes import attach_weights
from onnxplain.walk.objective import Objective

METHODS = ("gradient", "lrp.epsilon", "lrp.epsilon_plus_flat", "guided_backprop", "attnlrp")
LEAST = {"walk_bytes": 1}
"""A budget that no walk keeps to, so that it is cut where that takes the least."""


def residual(count=9):
    """Convolutions, to each of which what it reads and what the first one gives are added: they cross many cuts."""
    draw = np.random.default_rng(3)
    weights, x = {"w0": draw.normal(size=(4, 2, 3, 3)).astype("f") / 3}, "r0"
    nodes = [node("Conv", "x w0", "c0", pads=[1] * 4), node("Relu", "c0", "r0")]
    for i in range(1, count):
        weights[f"w{i}"] = draw.normal(size=(4, 4, 3, 3)).astype("f") / 5
        nodes += [node("Conv", f"{x} w{i}", f"c{i}", pads=[1] * 4), node("Sum", f"c{i} {x} r0", f"a{i}")]
        nodes.append(node("Relu", f"a{i}", f"r{i}"))
        x = f"r{i}"
    nodes += [node("GlobalAveragePool", x, "g"), node("Flatten", "g", "y")]
    return network(nodes, (1, 2, 8, 8), weights), draw.normal(size=(3, 2, 8, 8)).astype("f")


NETS = {"a skip": relu_cnn, "values that cross": residual}


def traced(net, x, method):
    """The traced walk of a row with its weights in it, its inputs, and the sizes of its values."""
    explainer = ox.Explainer(ox.load(net, engine="onnxruntime"), method)
    method = explainer.method
    objective = Objective(None, None, method.spec.seed, None, explainer.model.independent_scores)
    request = WalkRequest(method.plan, objective, {"x": x[:1]})
    joint, weights, _ = trace(method.canonical, request, symbolic=False)
    return attach_weights(joint.proto, weights), {"x": x[:1], TARGET: np.array([1])}, sized_walk(joint, request)


def run(model, given):
    """The outputs of a model by name: as onnxruntime runs each node by itself, with the same bits in any model."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    names = [each.name for each in session.get_outputs()]
    return dict(
        zip(names, session.run(names, {each.name: given[each.name] for each in session.get_inputs()}), strict=True)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("net", NETS)
def test_the_parts_compute_the_same_bits(net, method):
    model, given, sizes = traced(*NETS[net](), method)
    whole = run(model, given)
    for count in range(2, len(forward_nodes(model))):
        values = dict(given)
        for part in split(model, cuts(model, count, sizes.nbytes), sizes.values()):
            onnx.checker.check_model(part)
            values |= run(part, values)
        for name, value in whole.items():
            np.testing.assert_array_equal(values[name], value)


def test_each_part_walks_back_through_its_own_segment():
    """The forward nodes of a segment run once more, but for those that nothing of the walk reads; of no other one."""
    model, _, sizes = traced(*residual(), "gradient")
    where = cuts(model, 3, sizes.nbytes)
    parts = split(model, where, sizes.values())
    number = {node.name: sum(i >= cut for cut in where) for i, node in enumerate(forward_nodes(model))}
    ahead, *back = ([each.name for each in part.graph.node] for part in parts)
    assert not any(name.startswith(WALK) for name in ahead)
    assert {number[name] for name in ahead} == {0, 1}  # the last segment has not to run ahead of its walk
    for names, segment in zip(back, (2, 1, 0), strict=True):
        assert {number[name] for name in names if not name.startswith(WALK)} == {segment}
        assert any(name.startswith(WALK) for name in names)


def test_cuts_lie_where_little_crosses():
    chain = [node("Relu", f"{a} ", b) for a, b in ("xa", "ab", "bc", "cd", "dy")]
    nbytes = {"a": 100, "b": 10, "c": 30, "d": 50, "y": 10}
    assert cuts(network(chain, (1, 4), {}), 2, nbytes) == [2]  # b crosses
    chain[2] = node("Add", "b a", "c")
    assert cuts(network(chain, (1, 4), {}), 2, nbytes) == [3]  # c crosses, where a and b would cross together


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("net", NETS)
def test_an_explanation_is_the_same(net, method, caplog):
    """Beside the whole walk, and the engine "numpy" in float64."""
    model, x = NETS[net]()
    with caplog.at_level(logging.INFO, "onnxplain"):
        e = ox.explain(ox.load(model, engine="onnxruntime", limits=LEAST), x, method, target=[0, 1, 2])
    assert "segments" in caplog.text
    whole = ox.explain(ox.load(model, engine="onnxruntime"), x, method, target=[0, 1, 2])
    exact = ox.explain(ox.load(model, engine="numpy", precision="float64"), x, method, target=[0, 1, 2])
    for other in (whole, exact):
        assert np.abs(e.attribution - other.attribution).max() <= 2e-6 * np.abs(other.attribution).max()
    np.testing.assert_allclose(e.prediction, whole.prediction, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "guided_grad_cam", "input_x_gradient"])
def test_other_methods_walk_in_segments(method, caplog):
    model, x = residual()
    with caplog.at_level(logging.INFO, "onnxplain"):
        e = ox.explain(ox.load(model, engine="onnxruntime", limits=LEAST), x, method, target=1)
    assert "segments" in caplog.text
    whole = ox.explain(ox.load(model, engine="onnxruntime"), x, method, target=1).attribution
    np.testing.assert_allclose(e.attribution, whole, rtol=0, atol=2e-6 * np.abs(whole).max())


def recurrent():
    """A recurrence is walked by a loop, whose body is not cut."""
    return layer("GRU")


@pytest.mark.parametrize(("net", "method"), [(recurrent, "gradient"), (relu_cnn, "deeplift")])
def test_what_is_not_cut_is_walked_whole(net, method, caplog):
    """A walk through a loop, and one that compares with a baseline, whose values are all in memory anyway."""
    model, x = net()
    with caplog.at_level(logging.INFO, "onnxplain"):
        e = ox.explain(ox.load(model, engine="onnxruntime", limits=LEAST), x, method, target=0)
    assert "compiled" in caplog.text and "segments" not in caplog.text
    whole = ox.explain(ox.load(model, engine="onnxruntime"), x, method, target=0)
    np.testing.assert_array_equal(e.attribution, whole.attribution)


def test_a_walk_that_keeps_to_the_budget_is_not_cut():
    """One that does not is cut into as few segments as it takes, and into none where cuts bring nothing."""
    model, _, sizes = traced(*residual(), "gradient")
    whole, least = (parts_within(model, sizes, budget) for budget in (2**40, 1))
    assert whole.models == [model] and least.nbytes < whole.nbytes
    assert parts_within(model, sizes, whole.nbytes).models == [model]
    some = parts_within(model, sizes, whole.nbytes - 1)
    assert len(some.models) <= len(least.models) and least.nbytes <= some.nbytes < whole.nbytes
    short = traced(network([node("Relu", "x", "y")], (1, 4), {}), np.ones((1, 4), "f"), "gradient")
    assert parts_within(short[0], short[2], 1).models == [short[0]]


def test_a_small_walk_is_compiled_for_any_number_of_rows(caplog):
    model, x = residual()
    explainer = ox.Explainer(ox.load(model, engine="onnxruntime"), "gradient")
    with caplog.at_level(logging.INFO, "onnxplain"):
        explainer(x[:1], target=0), explainer(x, target=0)
    assert caplog.text.count("compiled a walk") == 1


PEAK = """
import sys
import numpy as np, onnxplain as ox
def resident(what):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))
def explain(path, limit, shape):
    explainer = ox.Explainer(ox.load(path, engine="onnxruntime", limits={"walk_bytes": limit}), "gradient")
    for _ in range(2):
        open("/proc/self/clear_refs", "w").write("5")
        explainer(np.random.default_rng(0).random(shape, np.float32), target=0)
    return explainer
explain(sys.argv[1], 2**40, (1, 1, 16, 16))
before = resident("VmRSS")
kept = explain(sys.argv[2], int(sys.argv[3]), (1, 3, 256, 256))
print(resident("VmHWM") - before, resident("VmRSS") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux says what is resident")
def test_a_process_takes_less_and_no_more_than_is_said(tmp_path):
    """The values of 30 layers of 12 MiB each; the run itself counts, not what opening the sessions took."""
    path, net = tmp_path / "net.onnx", deep(256, 48, 10, 10)
    onnx.save(net, path)
    most, stays, said = {}, {}, {}
    for limit in (2**40, 1):
        command = [sys.executable, "-c", PEAK, BUNDLED / "digits_cnn_torch.onnx", path, str(limit)]
        grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        most[limit], stays[limit] = map(int, grown.split())
        said[limit] = memory_of(
            ox.Explainer(ox.load(path, engine="onnxruntime", limits={"walk_bytes": limit}), "gradient")
        )
    assert said[2**40].segments == 1 < said[1].segments
    assert most[1] < 0.75 * most[2**40] and stays[1] < 0.25 * stays[2**40]
    for limit, each in said.items():
        assert 0.75 < (each.weights + each.values) / most[limit] < 1.25
