"""The two halves of a joint model: what the baseline alone decides, and the rest."""

import numpy as np
import onnxruntime as ort
import pytest
from nets import relu_cnn

import onnxplain as ox
from onnxplain.engines.onnxruntime.baseline import split
from onnxplain.engines.onnxruntime.joint import ATTRIBUTION, BASELINE, TARGET, TraceSpec, join
from onnxplain.engines.onnxruntime.sizes import learn
from onnxplain.walk.seed import SeedSpec

ANY = np.random.default_rng(8)


def traced(method):
    """A new joint model of a network with a pool that overlaps, a fixed size of its input, and the input."""
    proto, x = relu_cnn()
    procedure = ox.Explainer(ox.load(proto), method).method
    graph, plan, scores = procedure.canonical.graph, procedure.plan, procedure.canonical.scores
    sizes = learn(procedure.canonical, {"x": x}, plan.values | {scores}, symbolic=True)
    baseline = procedure.spec.baseline
    return join(TraceSpec(graph, plan, scores, SeedSpec("one", "one"), sizes, baseline=baseline)), procedure, x


def run(proto, feeds):
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {i.name: feeds[i.name] for i in session.get_inputs()}), strict=True))


def test_the_halves_say_what_the_whole_says():
    whole, procedure, x = traced("deeplift")
    halved = traced("deeplift")[0]
    baseline_x = ANY.normal(size=x.shape).astype("f")
    tape = procedure.engine.values({"x": baseline_x}, whole.reads)
    feeds = {"x": x, TARGET: np.zeros(len(x), np.int64)} | {BASELINE + name: tape[name] for name in whole.reads}
    wanted = run(whole.proto, feeds)[ATTRIBUTION]
    once = run(split(halved), feeds)
    assert once
    np.testing.assert_array_equal(run(halved.proto, feeds | once)[ATTRIBUTION], wanted)


def test_the_rest_computes_nothing_of_the_baseline_alone():
    halved = traced("deeplift")[0]
    split(halved)
    graph = halved.proto.graph
    states = {each.name for each in graph.input if each.name.startswith("explain/")} - {TARGET}
    fixed = states | {each.name for each in graph.initializer}
    assert not [node.name for node in graph.node if states & set(node.input) and set(node.input) <= fixed]


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon"])
def test_without_a_baseline_there_is_nothing_to_split(method):
    joint = traced(method)[0]
    before = joint.proto.SerializeToString(deterministic=True)
    assert not split(joint).graph.node
    assert joint.proto.SerializeToString(deterministic=True) == before
