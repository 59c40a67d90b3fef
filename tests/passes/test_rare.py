"""Cases that models seldom have: whole numbers in half precision, a softmax over the batch."""

import numpy as np
import onnx
import pytest
from passes.same import graph_of, model, run, same

import onnxplain as ox
from onnxplain.passes.export import export
from onnxplain.passes.fuse_softmax import fuse_softmax
from onnxplain.passes.precision import precision


@pytest.mark.parametrize("number", [10, 16])
def test_whole_numbers_are_cast_to_float32_where_a_file_says_half(number):
    text = f"i = Cast <to = 7> (x) h = Cast <to = {number}> (i) y = Cast <to = 1> (h)"
    proto = model(f"(float[N,4] x) => (float[N,4] y) {{ {text} }}")
    graph = graph_of(proto)
    precision(graph)
    assert [node.attrs["to"] for node in graph.nodes] == [7, 1, 1]
    x = np.array([[2049, -4099, 0, 70001]], "f")
    np.testing.assert_array_equal(run(export(graph), {"x": x})[0], x)


def test_a_range_to_the_length_of_an_axis_in_an_array():
    """onnxruntime runs the file, whose limit it computes, and refuses one that says the limit as a constant array."""
    text = "s = Shape <start = 1> (x) r = Range(zero, s, one) f = Cast <to = 1> (r) y = Mul(x, f)"
    proto = model(f"(float[N,4] x) => (float[N,4] y) {{ {text} }}", zero=np.array(0), one=np.array(1))
    e = ox.explain(ox.load(proto), np.ones((1, 4), "f"), "gradient", target=3)
    np.testing.assert_array_equal(e.attribution, [[0, 0, 0, 3]])
    np.testing.assert_array_equal(e.prediction, [[0, 1, 2, 3]])


def test_a_softmax_over_a_batch_of_single_numbers_stays():
    """There Σ exp has one number too, and a softmax over the last axis would be 1 everywhere."""
    text = "e = Exp(x) t = ReduceSum(e, axes) r = Reciprocal(t) y = Mul(r, e)"
    proto = model(f"(float[N,1] x) => (float[N,1] y) {{ {text} }}", axes=np.array([0]))
    assert same(proto, fuse_softmax)[1] == 0


def test_weights_that_a_file_standardises_keep_all_outputs_of_their_batch_norm():
    """timm standardises weights by a BatchNormalization in training mode, of which one output is read."""
    rng = np.random.default_rng(4)
    w, head = rng.normal(size=(1, 3, 4)).astype("f"), rng.normal(size=(3, 2)).astype("f")
    text = """<ir_version: 10, opset_import: ["" : 21]> net (float[N, 4] x) => (float[N, 2] y)
        <float[3] ones = {1, 1, 1}, float[3] zeros = {0, 0, 0}, int64[2] rows = {3, 4}> {
        standard, mean, var = BatchNormalization <training_mode = 1> (w, ones, zeros, zeros, ones)
        flat = Reshape(standard, rows) turned = Transpose(flat) h = MatMul(x, turned) y = MatMul(h, head) }"""
    proto = onnx.parser.parse_model(text)
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in {"w": w, "head": head}.items())
    e = ox.explain(ox.load(proto), np.ones((2, 4), "f"), "gradient", target=1)
    rows = (w[0] - w[0].mean(1, keepdims=True)) / np.sqrt(w[0].var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(e.attribution, np.tile(head[:, 1] @ rows, (2, 1)), rtol=1e-4, atol=1e-6)
