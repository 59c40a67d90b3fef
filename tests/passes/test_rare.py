"""Cases that models seldom have: whole numbers in half precision, a softmax over the batch."""

import numpy as np
import pytest
from passes.same import graph_of, model, run, same

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


def test_a_softmax_over_a_batch_of_single_numbers_stays():
    """There Σ exp has one number too, and a softmax over the last axis would be 1 everywhere."""
    text = "e = Exp(x) t = ReduceSum(e, axes) r = Reciprocal(t) y = Mul(r, e)"
    proto = model(f"(float[N,1] x) => (float[N,1] y) {{ {text} }}", axes=np.array([0]))
    assert same(proto, fuse_softmax)[1] == 0
