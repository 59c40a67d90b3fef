"""How often the two slow steps of canonicalisation are taken: opening a session, and inferring shapes."""

import inspect
import sys
from importlib import import_module

import numpy as np
import onnx
import onnxruntime
import pytest
from passes.same import RNG, graph_of, mentioned, model, ops, reference, same

from onnxplain.passes import canonicalise
from onnxplain.passes.constants import constants
from onnxplain.passes.edit import Editor
from onnxplain.passes.fuse_activations import fuse_activations
from onnxplain.passes.fuse_layernorm import fuse_layernorm
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


def lines_of(function, *given):
    """The lines of Python that are executed in a call."""
    lines = 0

    def tracer(frame, event, arg):
        nonlocal lines
        lines += event == "line"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function(*given)
    finally:
        sys.settrace(before)
    return lines


def chain(count, link):
    links = " ".join(link(i) for i in range(count))
    return model(f"(float[N,4] x0) => (float[N,4] y) {{ {links} y = Identity(x{count}) }}", w0=W)


def linear(lines):
    """Whether twice as much costs twice as much; with the square, the second difference is four times the first."""
    one, two, four = map(lines, (100, 200, 400))
    return four - two < 2.5 * (two - one)


def test_naming_nodes_of_the_same_name_is_linear():
    assert linear(lambda count: lines_of(names, graph_of(chain(count, lambda i: f"[same] x{i + 1} = Relu(x{i})"))))


def test_a_new_name_costs_the_same_however_many_there_are():
    graph = graph_of(chain(1, lambda i: f"x{i + 1} = Relu(x{i})"))

    def many(count):
        edit = Editor(graph)
        assert len({edit.fresh("x1") for _ in range(count)}) == count

    assert linear(lambda count: lines_of(many, count))


def test_constants_behind_one_another_are_looked_at_once_each(monkeypatch):
    asked = Counted(monkeypatch, import_module("onnxplain.passes.constants"), "_is_constant")
    count = 30
    graph = graph_of(chain(count, lambda i: f"w{i + 1} = Neg(w{i}) x{i + 1} = Add(x{i}, w{i + 1})"))
    assert constants(graph) == count
    assert asked.calls <= 10 * count
    assert ops(graph) == [*["Add"] * count, "Identity"]


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_a_chain_may_be_longer_than_python_recurses(op):
    graph = graph_of(chain(300, lambda i: f"c{i} = Constant <value_float: float = 1.5> () x{i + 1} = {op}(x{i}, c{i})"))
    constants(graph)
    limit, depth = sys.getrecursionlimit(), len(inspect.stack(0))
    sys.setrecursionlimit(depth + 150)
    try:
        assert fuse_activations(graph) == fuse_layernorm(graph) == 0
    finally:
        sys.setrecursionlimit(limit)
