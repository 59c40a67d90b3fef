"""A long computation is stopped from another thread within a step, and the same explainer goes on as before."""

from __future__ import annotations

from threading import Event, Thread, Timer

import numpy as np
import onnx
import pytest
from kinds import kinds
from nets import ROOT, digits, packed

import onnxplain as ox
from onnxplain.engines.forward import ReferenceForward
from onnxplain.graph.runtime import Session, open_session
from onnxplain.stopping import Stop, StoppedError, check
from onnxplain.trees import shapley
from onnxplain.walk import messages

X = np.random.default_rng(0).normal(size=(2, 1, 16, 16)).astype("f")
LONG = {
    "occlusion": {"window": 2, "stride": 1},
    "rise": {"samples": 64},
    "kernel_shap": {"superpixels": np.arange(256).reshape(16, 16) // 16, "samples": 64},
    "integrated_gradients": {"steps": 40},
    "smoothgrad": {"samples": 40},
    "guided_ig": {"steps": 20},
    "score_cam": {},
    "ablation_cam": {},
    "fullgrad": {},
    "meaningful_perturbation": {"steps": 20},
    "lrp.epsilon": {},
}
BY_DEFAULT = ("occlusion", "integrated_gradients", "meaningful_perturbation", "score_cam", "fullgrad")


def limited(**options):
    """The model of digits, of which few rows go through a run at once."""
    return digits(limits={"batch_bytes": 2**16}, **options)


def stopped_at(monkeypatch, where, name, step, stop):
    """Replace a function by one that counts its calls, and sets `stop` in call number `step`; return the calls."""
    calls, plain = [], getattr(where, name)

    def counted(*given, **named):
        calls.append(1)
        if len(calls) == step:
            stop.set()
        return plain(*given, **named)

    monkeypatch.setattr(where, name, counted)
    return calls


@pytest.mark.parametrize(("method", "options"), kinds(LONG.items(), lambda name, _: name in BY_DEFAULT))
def test_a_method_is_stopped_within_a_step_and_goes_on_with_the_same_bits(method, options, monkeypatch):
    explainer, stop = ox.Explainer(limited(), method, **options), Stop()
    before = explainer(X, target=3).attribution
    with monkeypatch.context() as patched:
        total = stopped_at(patched, Session, "run", 0, stop)
        explainer(X, target=3)
    assert len(total) > 1 or method == "lrp.epsilon"
    step = len(total) // 2 + 1
    with monkeypatch.context() as patched, stop.hold():
        calls = stopped_at(patched, Session, "run", step, stop)
        with pytest.raises(StoppedError):
            explainer(X, target=3)
    assert len(calls) == step, "no further session ran: neither another sample nor what looks for the cause"
    np.testing.assert_array_equal(explainer(X, target=3).attribution, before)
    assert before.any()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_walk_in_numpy_is_stopped_at_a_node(precision, monkeypatch):
    explainer, stop = ox.Explainer(digits(engine="numpy", precision=precision), "lrp.epsilon"), Stop()
    before = explainer(X, target=3).attribution
    with monkeypatch.context() as patched, stop.hold():
        nodes = stopped_at(patched, messages, "Site", 3, stop)
        with pytest.raises(StoppedError):
            explainer(X, target=3)
    assert len(nodes) == 3
    np.testing.assert_array_equal(explainer(X, target=3).attribution, before)


def test_a_forward_run_in_float64_is_stopped_at_a_node(monkeypatch):
    forward, stop = ReferenceForward(digits().canonical.graph), Stop()
    nodes = forward._evaluator.rt_nodes_
    ran = stopped_at(monkeypatch, nodes[1], "run", 1, stop), stopped_at(monkeypatch, nodes[2], "run", 0, stop)
    scores = digits().canonical.scores
    with stop.hold(), pytest.raises(StoppedError):
        forward.run({"image": X}, [scores])
    assert [len(each) for each in ran] == [1, 0]


def test_trees_are_stopped_at_a_block_of_leaves(monkeypatch):
    data = ROOT / "tests" / "trees" / "data"
    rows = np.load(data / "wines.npy")
    explainer = ox.Explainer(ox.load(packed(min(data.glob("*forest*.onnx.xz")).with_suffix(""))), "tree_shap")
    given = {"target": 1, "baseline": rows[:8]}
    before, stop = explainer(rows[8:], **given).attribution, Stop()
    monkeypatch.setattr(shapley, "_BLOCK", 1)  # a leaf each
    with monkeypatch.context() as patched, stop.hold():
        blocks = stopped_at(patched, shapley, "_by_tables", 2, stop)
        with pytest.raises(StoppedError):
            explainer(rows[8:], **given)
    assert len(blocks) == 2
    np.testing.assert_array_equal(explainer(rows[8:], **given).attribution, before)


@pytest.fixture(scope="module")
def halving():
    """A session of one node that halves its input n times."""
    text = """<ir_version: 10, opset_import: ["" : 21]>
        net (int64 n, float[1] x) => (float[1] y) <bool go = {1}, float[1] half = {0.5}>
        { y = Loop(n, go, x) <body = b (int64 i, bool go2, float[1] a) => (bool go3, float[1] z)
          { go3 = Identity(go2)  z = Mul(a, half) }> }"""
    return open_session(onnx.parser.parse_model(text))


def halved(session, times):
    return float(session.run(["y"], {"n": np.array(times), "x": np.ones(1, "f")})[0][0])


def test_a_session_that_runs_is_ended_from_another_thread(halving, capfd):
    stop = Stop()
    timer = Timer(0.05, stop.set)
    timer.start()
    with stop.hold(), pytest.raises(StoppedError):
        halved(halving, 2**62)  # more than a century
    timer.join()
    assert halved(halving, 10) == 2.0**-10
    assert capfd.readouterr() == ("", "")


def test_a_stop_ends_nothing_in_another_thread(halving):
    ours, theirs, results, ready = Stop(), Stop(), [], Event()

    def other():
        with theirs.hold():
            ready.set()
            results.append(halved(halving, 2**17))
            results.append(halved(halving, 3))

    thread = Thread(target=other)
    thread.start()
    ready.wait()
    timer = Timer(0.02, ours.set)
    timer.start()
    with ours.hold(), pytest.raises(StoppedError):
        halved(halving, 2**62)
    thread.join()
    assert results == [0.0, 0.125] and not theirs.is_set()
    check()  # nothing is held any more
    assert halved(halving, 1) == 0.5


def test_a_failure_of_a_session_stays_a_failure_while_a_stop_is_held(halving):
    with Stop().hold(), pytest.raises(ox.errors.RuntimeRefusalError):
        halving.run(["y"], {"n": np.array(1), "x": np.ones(2, "f")})


def test_a_stop_that_was_set_before_lets_nothing_begin(halving):
    stop = Stop()
    stop.set()
    with stop.hold():
        with pytest.raises(StoppedError):
            check()
        with pytest.raises(StoppedError):
            halved(halving, 1)


def test_no_failure_is_made_of_a_stop():
    assert not issubclass(StoppedError, Exception)
