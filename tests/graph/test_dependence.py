"""What depends on what: through booleans and integers, into the bodies of If, Loop and Scan, and not through a size."""

from __future__ import annotations

import numpy as np
import onnx.parser
import onnx_graphsurgeon as gs
import onnxruntime as ort
import pytest
from nets import network, node
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError
from onnxplain.graph.dependence import active_values, dependent

RNG = np.random.default_rng(3)
HEAD = '<ir_version: 8, opset_import: ["" : 17]> g (float[1, 6] x) => (float[1, 3] y)'


def graph(text, **weights):
    model = onnx.parser.parse_model((HEAD.replace("1,", "N,") if "[N," in text else HEAD) + text)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(each), name) for name, each in weights.items())
    return model


BRANCHES = """{ c = CONDITION
    h = If (c) <then_branch = t () => (float[1, 6] a) { a = Tanh (x) },
                else_branch = e () => (float[1, 6] b) { b = Relu (x) }>
    y = MatMul (h, w) }"""  # fmt: skip
BODY = """{ h = Loop (two, yes, start) <body = b (int64 i, bool go, float[1, 6] before) => (bool on, float[1, 6] after)
    { on = Identity (go)  after = Add (before, x) }>  y = MatMul (h, w) }"""
SCAN = """{ s, all = Scan <num_scan_inputs = 1, body = b (float s0, float r) => (float s1, float z)
    { s1 = Add (s0, r)  v = Tanh (x)  t = ReduceSum <keepdims = 0> (v)  z = Add (t, r) }> (start, series)
    h = Mul (x, s)  k = ReduceSum <keepdims = 0> (all)  q = Add (h, k)  y = MatMul (q, w) }"""
W = RNG.normal(size=(6, 3)).astype("f")

CAPTURING = {
    "a branch chosen by the input": (BRANCHES.replace("CONDITION", "Greater (x0, zero)").replace(
        "{ c", "{ x0 = ReduceSum <keepdims = 0> (x)  c"), {"zero": np.float32(0)}),
    "a branch chosen by the size": (BRANCHES.replace("CONDITION", "Greater (n, three)").replace(
        "{ c", "{ n = Size (x)  c").replace("1,", "N,"), {"three": np.array(3)}),
    "a loop": (BODY, {"two": np.array(2), "yes": np.array(True), "start": np.zeros((1, 6), "f")}),
    "a scan": (SCAN, {"start": np.float32(0), "series": np.ones(4, "f")}),
}  # fmt: skip


BRANCHING = [name for name in CAPTURING if "branch" in name]


@pytest.mark.parametrize("name", BRANCHING)
@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon", "deeplift", "input_x_gradient", "integrated_gradients"])
def test_what_reads_the_input_from_within_a_branch_is_refused_by_name(name, method):
    text, weights = CAPTURING[name]
    proto = graph(text, w=W, **weights)
    ort.InferenceSession(proto.SerializeToString())
    model = ox.load(proto)
    assert model.root == "x"
    with pytest.raises(UnsupportedModelError, match=r"If \(node \'"):
        ox.Explainer(model, method)


def test_what_a_body_captures_is_walked_at_every_step():
    x = RNG.normal(size=(1, 6))
    text, weights = CAPTURING["a loop"]  # 2 x W
    found = ox.explain(ox.load(graph(text, w=W, **weights), precision="float64"), x, "gradient", target=1)
    np.testing.assert_allclose(found.attribution[0], 2 * W[:, 1].astype("d"), rtol=1e-12)
    text, weights = CAPTURING["a scan"]  # (4 x + Σ over four steps of Σ tanh x) W
    found = ox.explain(ox.load(graph(text, w=W, **weights), precision="float64"), x, "gradient", target=1)
    column = W[:, 1].astype("d")
    np.testing.assert_allclose(found.attribution[0], 4 * column + 4 * column.sum() / np.cosh(x[0]) ** 2, rtol=1e-6)


def test_a_model_that_no_walk_covers_is_perturbed():
    text, weights = CAPTURING["a branch chosen by the input"]
    model, x = ox.load(graph(text, w=W, **weights)), np.array([[1, -2, 0.5, -1, 2, 0.3]], "f")
    e = ox.explain(model, x, "occlusion", 0)
    assert e.attribution.shape == x.shape and e.record["explained"] == "x"


def test_a_size_is_no_dependence():
    """A BERT of the older exporter divides by a size that it casts to a float, from the ids."""
    table, w = RNG.normal(size=(9, 4)).astype("f"), RNG.normal(size=(4, 2)).astype("f")
    nodes = [
        node("Gather", "table x", "e"), node("Shape", "x", "s"), node("Gather", "s one", "n", axis=0),
        node("Cast", "n", "f", to=TensorProto.FLOAT), node("Sqrt", "f", "root"), node("Div", "e root", "d"),
        node("ReduceSum", "d axes", "r", keepdims=0), node("MatMul", "r w", "y"),
    ]  # fmt: skip
    weights = {"table": table, "one": np.array(1), "axes": np.array([1]), "w": w}
    inputs = [helper.make_tensor_value_info("x", TensorProto.INT64, ["N", "T"])]
    model, x = ox.load(network(nodes, None, weights, inputs=inputs)), np.array([[1, 8, 3], [0, 2, 2]])
    assert model.root == "e"
    e = ox.explain(model, x, "input_x_gradient", 1)
    np.testing.assert_allclose(e.attribution, table[x] @ w[:, 1] / np.sqrt(3), rtol=1e-5)


def test_a_branch_that_sizes_choose_is_walked_where_the_file_states_them():
    text, weights = CAPTURING["a branch chosen by the size"]
    with pytest.raises(UnsupportedModelError, match=r"If \(node 'If h'\).*state the shape of the input in the file"):
        ox.Explainer(ox.load(graph(text, w=W, **weights)), "gradient")
    stated = ox.load(graph(text.replace("N,", "1,"), w=W, **weights))
    x = RNG.normal(size=(1, 6)).astype("f")
    e = ox.explain(stated, x, "gradient", 1)
    np.testing.assert_allclose(e.attribution, (1 - np.tanh(x) ** 2) * W[:, 1], rtol=1e-5)


def test_integers_that_a_custom_operator_makes_of_floats_are_not_held():
    nodes = [
        helper.make_node("Pack", ["x"], ["p"], "pack", domain="test"),
        helper.make_node("Unpack", ["p"], ["u"], "unpack", domain="test"),
        node("MatMul", "u w", "y"),
    ]
    found = gs.import_onnx(network(nodes, (1, 6), {"w": W}))
    for made in found.nodes:
        made.outputs[0].dtype = np.dtype(np.int8 if made.op == "Pack" else np.float32)
    assert active_values(found, {"x"}) == {"x", "p", "u", "y"}


def test_what_moves_and_what_has_a_slope():
    nodes = [
        node("Greater", "x zero", "c"),
        node("Cast", "c", "f", to=TensorProto.FLOAT),
        node("Mul", "x f", "m"),
        node("Shape", "m", "s"),
        node("ConstantOfShape", "s", "o"),
        node("Mul", "m o", "y"),
    ]
    found = ox.load(network(nodes, (1, 4), {"zero": np.float32(0)})).canonical.graph
    assert dependent(found, {"x"}) & {"c", "f", "m", "s", "o", "y"} == {"c", "f", "m", "y"}
    assert active_values(found, {"x"}) & {"c", "f", "m", "s", "o", "y"} == {"m", "y"}


def test_the_gradient_of_a_count_is_zero_and_of_what_it_scales_is_not():
    """Floats, counted in integers, and floats again: a staircase, whose slope is 0."""
    nodes = [
        node("Greater", "x zero", "c"), node("Cast", "c", "i", to=TensorProto.INT64),
        node("ReduceSum", "i axes", "n"), node("Cast", "n", "f", to=TensorProto.FLOAT),
        node("Mul", "x f", "m"), node("MatMul", "m w", "y"),
    ]  # fmt: skip
    weights = {"zero": np.float32(0), "axes": np.array([1]), "w": W[:4]}
    x = np.array([[1, -2, 0.5, 3]], "f")
    e = ox.explain(ox.load(network(nodes, (1, 4), weights)), x, "gradient", 2)
    np.testing.assert_allclose(e.attribution, 3 * W[None, :4, 2], rtol=1e-6)


def test_nothing_is_walked_through_the_scale_of_a_dynamic_quantisation():
    """Its only floats go through its scale, and yet the score is walked as a mean of convolutions."""
    nodes = [
        node("DynamicQuantizeLinear", "x", "q scale zero"), node("ConvInteger", "q k zero", "c", pads=[1, 1, 1, 1]),
        node("Cast", "c", "f", to=TensorProto.FLOAT), node("Mul", "f scale", "m"),
        node("GlobalAveragePool", "m", "g"), node("Flatten", "g", "l"),
        node("DynamicQuantizeLinear", "l", "q2 scale2 zero2"), node("MatMulInteger", "q2 k2 zero2", "c2"),
        node("Cast", "c2", "f2", to=TensorProto.FLOAT), node("Mul", "f2 scale2", "y"),
    ]  # fmt: skip
    kernels = {"k": RNG.integers(0, 9, (5, 3, 3, 3)).astype(np.uint8), "k2": np.eye(5, dtype=np.uint8)}
    model = ox.load(network(nodes, (1, 3, 8, 8), kernels))
    x = RNG.normal(size=(1, 3, 8, 8)).astype("f")
    found = ox.explain(model, x, "gradient", target=2).attribution[0, :, 1:-1, 1:-1]
    want = kernels["k"][2].sum((1, 2), dtype=float)[:, None, None] / 64
    np.testing.assert_allclose(found, np.broadcast_to(want, found.shape), rtol=1e-5)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_number_that_is_written_as_a_text_is_followed(engine):
    """y = x times x, once read again from its digits: the slope is 2 x, and the difference from 0 is x squared."""
    text = """<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] y)
        { s = Cast<to=8>(x)  f = Cast<to=1>(s)  y = Mul(x, f) }"""
    model, x = ox.load(onnx.parser.parse_model(text), engine=engine), np.array([[1, 2, 3.5]], "f")
    assert ox.explain(model, x, "gradient", 2).attribution.tolist() == [[0, 0, 7]]
    assert ox.explain(model, x, "deeplift", 2).attribution.tolist() == [[0, 0, 12.25]]
