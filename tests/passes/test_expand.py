"""expand: the body of a function computes what the node did, by ops that have facts."""

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from passes.same import RNG, graph_of, model, ops, random_feeds, reference, run, same

from onnxplain.ops import standard_ops
from onnxplain.passes import double
from onnxplain.passes.expand_functions import expand

X = "float[N,6,5,5] x"
MOVED = {"Sub", "Div", "Identity", "Cast", "Shape", "Constant"}  # what other passes end


def rng_weights(**shapes):
    rng = RNG(7)
    return {name: rng.standard_normal(shape).astype("f") for name, shape in shapes.items()}


NODES = {
    "Softmax": ("Softmax <axis = 1> (x)", {}),
    "LogSoftmax": ("LogSoftmax (x)", {}),
    "LayerNormalization": (
        "LayerNormalization <axis = 2, epsilon = 0.1> (x, s, b)",
        {"s": (5, 5), "b": (5, 5)},
    ),
    "LayerNormalization without B": ("LayerNormalization (x, s)", {"s": 5}),
    "RMSNormalization": ("RMSNormalization <axis = -2, epsilon = 0.1> (x, s)", {"s": (5, 5)}),
    "InstanceNormalization": ("InstanceNormalization <epsilon = 0.1> (x, s, b)", {"s": 6, "b": 6}),
    "GroupNormalization": ("GroupNormalization <num_groups = 3, epsilon = 0.1> (x, s, b)", {"s": 6, "b": 6}),
    "MeanVarianceNormalization": ("MeanVarianceNormalization (x)", {}),
    "MeanVarianceNormalization over axes": ("MeanVarianceNormalization <axes = [1,3]> (x)", {}),
    "LpNormalization": ("LpNormalization <axis = 1> (x)", {}),
    "LpNormalization 1": ("LpNormalization <axis = 1, p = 1> (x)", {}),
    "LRN": ("LRN <size = 3, alpha = 0.7, beta = 0.6, bias = 1.5> (x)", {}),
    "LRN wide": ("LRN <size = 9, alpha = 0.7> (x)", {}),
    "ReduceL1": ("ReduceL1 (x, axes)", {}),
    "ReduceL2": ("ReduceL2 (x, axes)", {}),
    "ReduceSumSquare": ("ReduceSumSquare (x, axes)", {}),
    "ReduceLogSumExp": ("ReduceLogSumExp (x, axes)", {}),
    "ReduceLogSumExp flat": ("ReduceLogSumExp <keepdims = 0> (x, axes)", {}),
}
FLAT = "ReduceLogSumExp flat"


@pytest.mark.parametrize("name", NODES)
def test_a_body_computes_the_same(name):
    text, shapes = NODES[name]
    op = name.split()[0]
    y = "float[N,C] y" if name == FLAT else "float[N,C,H,W] y"
    proto = model(f"({X}) => ({y}) {{ y = {text} }}", axes=np.array([2, -1]), **rng_weights(**shapes))
    graph, _ = same(proto, lambda graph: expand(graph, lambda node: node.op == op))
    assert op not in ops(graph)
    assert set(ops(graph)) <= set(standard_ops()) | MOVED


@pytest.mark.parametrize("name", ["LayerNormalization", "LpNormalization", "LRN", "GroupNormalization"])
def test_a_body_takes_the_dtype_of_its_node(name):
    text, shapes = NODES[name]
    proto = model(f"({X}) => (float[N,C,H,W] y) {{ y = {text} }}", **rng_weights(**shapes))
    graph = double(graph_of(proto))
    assert expand(graph, lambda node: node.op == name) == 1
    feeds = random_feeds(proto)
    (y,) = reference(gs.export_onnx(graph), {"x": feeds["x"].astype(np.float64)})
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, run(proto, feeds)[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("size", [2, 4])
def test_lrn_of_even_size(size):
    """onnxruntime refuses it; ONNX puts the odd channel behind."""
    proto = model(f"({X}) => (float[N,6,5,5] y) {{ y = LRN <size = {size}, alpha = 0.7> (x) }}")
    feeds = random_feeds(proto, batch=6)  # onnx.reference takes the batch size for the number of channels
    same(proto, lambda graph: expand(graph, lambda node: node.op == "LRN"), runner=reference, feeds=feeds)


@pytest.mark.parametrize("name", ["LayerNormalization without B", "InstanceNormalization", "GroupNormalization"])
def test_a_norm_of_constant_input_is_finite(name):
    """The mean of x² minus mean² would cancel to a negative variance here."""
    y = output_of_body(name, np.full((2, 6, 5, 5), 1000.1, "f"))
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", ["LpNormalization", "LpNormalization 1"])
def test_an_lp_norm_of_zero_is_zero(name):
    assert not output_of_body(name, np.zeros((2, 6, 5, 5), "f")).any()


def output_of_body(name, x):
    text, shapes = NODES[name]
    graph = graph_of(model(f"({X}) => (float[N,C,H,W] y) {{ y = {text} }}", **rng_weights(**shapes)))
    assert expand(graph, lambda node: node.op == name.split()[0]) == 1
    return run(gs.export_onnx(graph), {"x": x})[0]


def test_bodies_within_bodies():
    """HardSwish is x HardSigmoid(x), and that a clipped line."""
    proto = model("(float[N,5] x) => (float[N,5] y) { y = HardSwish(x) }")
    wanted = {"HardSwish", "HardSigmoid"}
    graph, changed = same(proto, lambda graph: expand(graph, lambda node: node.op in wanted))
    assert changed == 2
    assert not wanted & set(ops(graph))


def test_names_stay_unique_and_values_shared():
    proto = model("(float[N,5] x) => (float[N,5] y) { a = Softmax(x)\n b = Softmax(a)\n y = Add(b, b) }")
    graph, changed = same(proto, lambda graph: expand(graph, lambda node: node.op == "Softmax"))
    assert changed == 2
    names = [value.name for node in graph.nodes for value in node.outputs]
    assert len(set(names)) == len(names)
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)


def test_a_node_without_a_body_stays():
    proto = model("(float[N,5] x) => (float[N,5] y) { y = Tanh(x) }")
    assert same(proto, lambda graph: expand(graph, lambda _: True))[1] == 0
