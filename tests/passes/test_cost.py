"""How often the two slow steps of canonicalisation are taken: opening a session, and inferring shapes."""

from importlib import import_module

import numpy as np
import onnx
import onnxruntime
import pytest
from passes.same import RNG, graph_of, mentioned, model, ops, reference, same

from onnxplain.passes import canonicalise
from onnxplain.passes.constants import constants
from onnxplain.passes.identities import identities
from onnxplain.passes.names import names
from onnxplain.passes.pipeline import Pipeline
from onnxplain.passes.shapes import shapes

W = RNG(1).standard_normal((4, 4)).astype("f")
XY = "(float[N,4] x) => (float[N,4] y)"


class Counted:
    """A callable that counts its calls and passes them on."""

    def __init__(self, monkeypatch, owner, name):
        self.calls, self.real = 0, getattr(owner, name)
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.real(*args, **kwargs)


@pytest.fixture
def sessions(monkeypatch):
    return Counted(monkeypatch, onnxruntime, "InferenceSession")


@pytest.fixture
def inferences(monkeypatch):
    return Counted(monkeypatch, import_module("onnxplain.passes.shapes"), "infer")


SESSIONS = {
    "Identity": ("a = Identity(w) y = MatMul(x, a)", 0),
    "Identity of an Identity": ("a = Identity(w) b = Identity(a) y = MatMul(x, b)", 0),
    "Cast to its own type": ("a = Cast <to = 1> (w) y = MatMul(x, a)", 0),
    "Reshape to its own shape": ("a = Reshape(w, shape) y = MatMul(x, a)", 0),
    "Constant node": ("c = Constant <value_float: float = 0.5> () a = Identity(c) y = Mul(x, a)", 0),
    "one node": ("a = Exp(w) y = MatMul(x, a)", 1),
    "nodes side by side": ("a = Exp(w) b = Neg(w) c = MatMul(x, a) y = MatMul(c, b)", 1),
    "one node behind another": ("a = Exp(w) b = Neg(a) y = MatMul(x, b)", 2),
    "an Identity between two": ("a = Exp(w) i = Identity(a) b = Neg(i) y = MatMul(x, b)", 2),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_opened_for_each_round_of_nodes_to_compute(name, sessions):
    text, wanted = SESSIONS[name]
    weights = mentioned(text, {"w": W, "shape": np.array([4, 4])})
    graph, changed = same(model(f"{XY} {{ {text} }}", **weights), constants, runner=reference)
    assert sessions.calls == wanted
    assert changed
    assert set(ops(graph)) <= {"MatMul", "Mul"}


def test_the_output_of_an_identity_of_a_weight_keeps_its_name_and_copies_no_value():
    graph, _ = same(model(f"{XY} {{ a = Identity(w) c = MatMul(x, w) y = MatMul(c, a) }}", w=W), constants)
    first, second = (node.inputs[1] for node in graph.nodes)
    assert (first.name, second.name) == ("w", "a")
    assert second.values is first.values


def test_a_node_that_the_runtime_does_not_know_keeps_no_other_from_being_computed(sessions):
    proto = model(
        f"{XY} {{ a = Exp(w) b = Neg(w) u = Relu(w) c = MatMul(x, a) d = MatMul(c, b) y = MatMul(d, u) }}", w=W
    )
    proto.graph.node[2].domain = "of.nobody"
    proto.opset_import.append(onnx.helper.make_opsetid("of.nobody", 1))
    graph = graph_of(proto)
    assert constants(graph) == 2
    assert ops(graph) == ["Relu", "MatMul", "MatMul", "MatMul"]
    assert sessions.calls == 4  # one for all three, one for each alone
    a, b = (graph.tensors()[name].values for name in "ab")
    np.testing.assert_array_equal(b, -W)
    np.testing.assert_allclose(a, np.exp(W), rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "wanted"), [("a = Neg(x) y = Relu(a)", 1), ("a = Identity(x) b = Neg(a) y = Relu(b)", 2)]
)
def test_shapes_are_inferred_again_only_where_a_pass_changed_the_graph(text, wanted, inferences):
    graph = graph_of(model(f"{XY} {{ {text} }}"))
    names(graph)
    inferences.calls = 0
    pipeline = Pipeline(graph)
    changed = pipeline.apply((shapes, names, identities, shapes))
    pipeline.apply((shapes, identities, shapes))
    assert inferences.calls == wanted
    assert pipeline.applied == [("identities", 1)] * changed
    assert changed is (wanted == 2)


def test_a_pipeline_knows_what_the_passes_teach_it():
    """The second inference is the one that knows of the constant."""
    text = "s = Add(two, three) y = Reshape(x, s)"
    proto = model(f"(float[2,6] x) => (float[A,B] y) {{ {text} }}", two=np.array([1, 1]), three=np.array([2, 3]))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph = graph_of(proto)
    graph.outputs[0].shape = None
    Pipeline(graph).apply((shapes, constants, shapes))
    assert graph.outputs[0].shape == [3, 4]


CANONICAL = {
    "nothing to change": ("a = MatMul(x, w) y = Relu(a)", 1),
    "arithmetic": ("a = MatMul(x, w) y = Sub(a, w)", 2),
    "a weight under another name": ("v = Identity(w) y = MatMul(x, v)", 2),
    "a weight to compute": ("v = Exp(w) y = MatMul(x, v)", 2),
}


@pytest.mark.parametrize("name", CANONICAL)
def test_shapes_are_inferred_once_and_after_each_stage_that_changes_something(name, inferences):
    text, wanted = CANONICAL[name]
    canonicalise(model(f"{XY} {{ {text} }}", w=W))
    assert inferences.calls == wanted
