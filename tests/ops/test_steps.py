"""STEP operators: what their operands account for of a difference adds up to it."""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from nets import network, node
from onnx import TensorProto, numpy_helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.ops import Family, registry
from onnxplain.ops.steps import STEPS, find_step

RNG = np.random.default_rng(2)
X = RNG.normal(size=(7, 5)).astype("f")
BASELINE = np.where(RNG.random(5) < 0.5, RNG.normal(size=5), 0).astype("f")
BOOL, INT, FLOAT = TensorProto.BOOL, TensorProto.INT32, TensorProto.FLOAT

CASES = {
    **{op: [node(op, "x a", "b")] for op in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")},
    "Greater than infinities": [node("Where", "known huge a", "l"), node("Greater", "x l", "b")],
    **{f"{op} a number": [node(op, "x tenth", "b")] for op in ("Greater", "LessOrEqual")},
    **{op: [node("Greater", "x tenth", "c"), node("Less", "a tenth", "d"), node(op, "c d", "b")]
       for op in ("And", "Or", "Xor", "Equal")},
    "And a constant": [node("Greater", "x tenth", "c"), node("And", "c known", "b")],
    "Not": [node("Greater", "x tenth", "c"), node("Not", "c", "b")],
    **{op: [node(op, "x", "b")] for op in ("Ceil", "Floor", "Round", "Sign")},
    "Cast to integers": [node("Mul", "x three", "t"), node("Cast", "t", "b", to=INT)],
    "Cast to booleans": [node("Cast", "x", "b", to=BOOL)],
    "IsInf": [node("Where", "known huge x", "l"), node("IsInf", "l", "b")],
    "IsNaN": [node("IsNaN", "a", "b")],
    "Where of booleans": [
        node("Greater", "x tenth", "c"), node("Less", "a tenth", "d"), node("Not", "d", "e"),
        node("Where", "c d e", "b"),
    ],
    "Where of two numbers": [node("Greater", "x tenth", "c"), node("Where", "c three tenth", "b")],
    "Where of one row": [node("Greater", "x tenth", "c"), node("Where", "c row a", "b")],
    "Where of two activations": [node("Greater", "x tenth", "c"), node("Where", "c x a", "b")],
}  # fmt: skip


def model(nodes, **options):
    """Of x and a = x w, `nodes` make b, and b + x makes the scores."""
    w, head = RNG.normal(size=(5, 5)).astype("f"), RNG.normal(size=(5, 3)).astype("f")
    weights = {"w": w, "head": head, "tenth": np.float32(0.1), "three": np.float32(3), "row": head[:, 0] * 5}
    weights |= {"huge": np.float32(np.inf), "known": np.array([True, False, True, True, False])}
    ends = [node("Cast", "b", "f", to=FLOAT), node("Add", "f x", "s"), node("MatMul", "s head", "y")]
    return ox.load(network([node("MatMul", "x w", "a"), *nodes, *ends], (1, 5), weights), **options)


@pytest.mark.parametrize("options", [{}, {"engine": "numpy"}, {"precision": "float64"}], ids=["traced", "numpy", "64"])
@pytest.mark.parametrize("name", CASES)
def test_a_step_completes(name, options):
    if name == "Where of booleans" and not options.get("precision"):
        pytest.skip("onnxruntime has no kernel for it")
    known = model(CASES[name], **options)
    e = ox.explain(known, X, "deeplift", 1, baseline=BASELINE)
    still = ox.explain(known, BASELINE[None], "occlusion", 1).score
    due = e.score - still
    assert np.abs(due).max() > 0.1
    np.testing.assert_allclose(e.attribution.sum(1), due, atol=1e-5 * np.abs(due).max())
    assert Family.STEP in {step.node.family for step in e.plan.steps}


def test_a_where_that_is_a_relu_is_walked_as_one():
    """The exact Shapley value of gate and gated value, (c + c₀)/2 and Δc (a + a₀)/2 / Δa, is Δrelu/Δa."""
    gate = [node("Greater", "a zero", "c"), node("Where", "c a zero", "b")]
    product = [node("Greater", "a zero", "c"), node("Cast", "c", "d", to=FLOAT), node("Mul", "a d", "b")]
    w, v = RNG.normal(size=(5, 6)).astype("f"), RNG.normal(size=(6, 3)).astype("f")
    maps = []
    for nodes in ([node("Relu", "a", "b")], gate, product):
        made = network([node("MatMul", "x w", "a"), *nodes, node("MatMul", "b v", "y")], (1, 5), {"w": w, "v": v})
        if len(nodes) > 1:
            made.graph.initializer.append(numpy_helper.from_array(np.float32(0), "zero"))
        maps.append(ox.explain(ox.load(made), X, "deeplift", 1, baseline=BASELINE).attribution)
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-6)
    np.testing.assert_allclose(maps[2], maps[0], atol=1e-6)


@pytest.mark.parametrize("method", ["deeplift", "deepshap", "deeplift.reveal_cancel"])
@pytest.mark.parametrize("op", ["ArgMax", "NonZero"])
def test_what_has_no_shares_is_refused_by_a_method_with_a_baseline_only(op, method):
    chosen = {"ArgMax": node("ArgMax", "x", "i", axis=1), "NonZero": node("NonZero", "x", "i")}[op]
    nodes = [chosen, node("Cast", "i", "n", to=FLOAT), node("ReduceSum", "n one", "r"), node("Mul", "x r", "m")]
    weights = {"w": RNG.normal(size=(5, 3)).astype("f"), "one": np.array([1])}
    known = ox.load(network([*nodes, node("MatMul", "m w", "y")], (1, 5), weights))
    ox.Explainer(known, "gradient")
    with pytest.raises(UnsupportedModelError, match=rf"{op} \(node 'i'\)"):
        ox.Explainer(known, method)


def test_a_masked_score_that_opens_is_an_error_and_no_map():
    """Its score goes from -∞ to a number, a difference that nothing can share out."""
    nodes = [
        node("Greater", "x zero", "c"), node("Where", "c x never", "m"), node("Softmax", "m", "s"),
        node("MatMul", "s w", "y"),
    ]  # fmt: skip
    weights = {"zero": np.float32(0), "never": np.float32(-np.inf), "w": RNG.normal(size=(5, 3)).astype("f")}
    known = ox.load(network(nodes, (1, 5), weights))
    with pytest.raises(ox.errors.NumericalError, match="Where"):
        ox.explain(known, np.ones((1, 5), "f"), "deeplift", 1, baseline=np.array([1, 1, 1, -1, -1], "f"))
    e = ox.explain(known, np.array([[1, 2, 3, -1, -2]], "f"), "deeplift", 1, baseline=np.array([1, 1, 1, -1, -1], "f"))
    assert abs(e.delta[0]) < 1e-6


def test_which_nodes_jump():
    def found(op, kinds, moving=("i0",), **attrs):
        inputs = [gs.Variable(f"i{i}", np.dtype(kind), ()) for i, kind in enumerate(kinds[:-1])]
        return find_step(gs.Node(op, "n", attrs, inputs, [gs.Variable("o", np.dtype(kinds[-1]), ())]), moving).family

    assert found("Where", ["?", "f", "f", "f"]) is Family.STEP
    assert found("Where", ["?", "f", "f", "f"], moving=("i1",)) is Family.SHAPE
    for source, target, family in [("f", "i", "STEP"), ("i", "f", "SHAPE"), ("?", "l", "SHAPE"), ("l", "i", "STEP")]:
        assert found("Cast", [source, target]) == family
    assert found("Mul", ["l", "l", "l"]) is Family.BILINEAR
    names = "And Cast Ceil Equal Floor Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Round Sign Where Xor"
    assert " ".join(sorted(op.name for (domain, _), op in registry().items() if domain == STEPS)) == names
